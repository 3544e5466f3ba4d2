package password

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	key1 = bytes.Repeat([]byte{1}, 32)
	key2 = bytes.Repeat([]byte{2}, 32)
	anna = Owner{Tenant: "north", Account: "actor/anna", Factor: "password"}
)

func peppered(current int, keys map[int]Key) Options {
	return Options{Pepper: Pepper{Keys: keys, Current: current}}
}

// once does one thing with a slot of its own.
type once struct {
	t testing.TB
	h *Hasher
}

func (o once) Hash(password string) (Hash, error) {
	s, err := o.h.Acquire(o.t.Context())
	require.NoError(o.t, err)
	defer s.Release()
	return s.Hash(password)
}

func (o once) Verify(hash Hash, password string) bool {
	s, err := o.h.Acquire(o.t.Context())
	require.NoError(o.t, err)
	defer s.Release()
	return s.Verify(hash, password)
}

// PW-15: the version stands in the hash; a hash under a version whose key we do not have, or have wrong, matches nothing.
func TestPepperVersions(t *testing.T) {
	before := hasher(t, peppered(1, map[int]Key{1: key1})).For(anna)
	old, err := once{t, before}.Hash("correct horse")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(old.Reveal(), "$pepper$k=1$"))
	require.NotContains(t, old.Reveal(), "argon2id", "a thief does not even learn the salt")

	for _, row := range []struct {
		now     Options
		parses  bool
		matches bool
		upgrade bool
		because string
	}{
		{peppered(1, map[int]Key{1: key1}), true, true, false, "nothing has changed"},
		{peppered(2, map[int]Key{1: key1, 2: key2}), true, true, true, "a new key is current, the old one still there"},
		{peppered(2, map[int]Key{2: key2}), false, false, false, "the old key is gone"},
		{peppered(1, map[int]Key{1: key2}), true, false, false, "another key under the same version"},
		{Options{}, false, false, false, "no pepper at all"},
	} {
		h := hasher(t, row.now).For(anna)
		read, err := h.Parse(old.Reveal())
		require.Equal(t, row.parses, err == nil, row.because)
		require.Equal(t, row.matches, once{t, h}.Verify(read, "correct horse"), row.because)
		require.False(t, once{t, h}.Verify(read, "wrong"), row.because)
		require.Equal(t, row.upgrade, h.NeedsUpgrade(read), row.because)
		if row.matches {
			moved, err := h.Seal(read)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(moved.Reveal(), sealedHead(row.now.Pepper.Current)), "moved without the password")
			require.True(t, once{t, h}.Verify(moved, "correct horse"))
			require.False(t, h.NeedsUpgrade(moved))
		}
	}
}

// PW-15: a hash that is copied to another account, factor or tenant matches nothing there.
func TestPepperBindsTheOwner(t *testing.T) {
	h := hasher(t, peppered(1, map[int]Key{1: key1}))
	hash, err := once{t, h.For(anna)}.Hash("correct horse")
	require.NoError(t, err)
	require.True(t, once{t, h.For(anna)}.Verify(hash, "correct horse"))
	for _, o := range []Owner{
		{}, {"north", "actor/boris", "password"}, {"south", "actor/anna", "password"}, {"north", "actor/anna", "pin"},
		{"nort", "hactor/anna", "password"}, {"north", "actor/annap", "assword"},
	} {
		require.False(t, once{t, h.For(o)}.Verify(hash, "correct horse"), "%v", o)
		require.False(t, h.For(o).NeedsUpgrade(hash), "%v", o)
		_, err := h.For(o).Seal(hash)
		require.Error(t, err, "%v", o)
	}
	zeros := strings.Repeat("\x00", 8)
	require.NotEqual(t, Owner{"a" + zeros + "b", "c", "d"}.draw(key1, "x"), Owner{"a", "b" + zeros + "c", "d"}.draw(key1, "x"))
	_, err = once{t, h}.Hash("correct horse")
	require.ErrorContains(t, err, "call Hasher.For")
	_, err = h.For(anna).Seal(Hash{})
	require.ErrorContains(t, err, "no password")

	s := hash.Reveal()
	for i := range s {
		forged := []byte(s)
		forged[i] ^= 1
		read, _ := h.Parse(string(forged))
		require.False(t, once{t, h.For(anna)}.Verify(read, "correct horse"), "byte %d", i)
	}
}

// A writer of the store cannot plant a hash that he made himself, unless the host says that bare ones still count.
func TestPepperRefusesBareHashes(t *testing.T) {
	planted, err := once{t, hasher(t, Options{})}.Hash("known to a thief")
	require.NoError(t, err)
	o := peppered(1, map[int]Key{1: key1})
	h := hasher(t, o).For(anna)
	read, err := h.Parse(planted.Reveal())
	require.NoError(t, err, "it can be read, or it could not be imported")
	require.False(t, once{t, h}.Verify(read, "known to a thief"))

	o.Pepper.Bare = true
	h = hasher(t, o).For(anna)
	require.True(t, once{t, h}.Verify(read, "known to a thief"))
	require.True(t, h.NeedsUpgrade(read))
}

// What is imported is sealed at once, whatever its kind, and needs no sign-in for that.
func TestSealOnImport(t *testing.T) {
	o := peppered(1, map[int]Key{1: key1})
	o.Schemes = map[string]Scheme{"legacy": compareFunc(func(encoded, password string) bool { return encoded == "$legacy$"+password })}
	h := hasher(t, o).For(anna)
	for hash, password := range map[string]string{crypt5: "Hello world!", bcrypt72: strings.Repeat("x", 72), "$legacy$sesame": "sesame"} {
		read, err := h.Parse(hash)
		require.NoError(t, err)
		in, err := h.Seal(read)
		require.NoError(t, err)
		require.NotContains(t, in.Reveal(), hash[1:])
		stored, err := h.Parse(in.Reveal())
		require.NoError(t, err)
		require.True(t, once{t, h}.Verify(stored, password))
		require.False(t, once{t, h}.Verify(stored, password+"x"))
		require.True(t, h.NeedsUpgrade(stored), "PW-14: at the next success it becomes Argon2id")
		again, err := h.Seal(stored)
		require.NoError(t, err)
		require.Equal(t, stored.Reveal(), again.Reveal(), "sealed once")
	}
	bare := hasher(t, Options{})
	read, err := bare.Parse(crypt5)
	require.NoError(t, err)
	same, err := bare.Seal(read)
	require.NoError(t, err)
	require.Equal(t, crypt5, same.Reveal(), "without a pepper there is nothing to do")

	twice, err := h.secrets().pepper.seal(anna, must(h.secrets().pepper.seal(anna, crypt5, h.rand)).Reveal(), h.rand)
	require.NoError(t, err)
	require.False(t, once{t, h}.Verify(twice, "Hello world!"))
	_, err = h.Seal(twice)
	require.ErrorContains(t, err, "two peppers")
}

// PW-14: weaker records are upgraded at the next success, equal and stronger ones are left alone.
func TestNeedsUpgrade(t *testing.T) {
	h, err := NewHasher(nil)
	require.NoError(t, err)
	argon := func(c Cost, salt, tag int) string { return encode(c, make([]byte, salt), make([]byte, tag)) }
	for _, row := range []struct {
		hash    string
		want    bool
		because string
	}{
		{argon(DefaultCost(), 16, 32), false, "what we write"},
		{argon(Cost{47104, 1, 1}, 16, 32), false, "another pair of the same strength"},
		{argon(Cost{65536, 3, 4}, 16, 32), false, "stronger"},
		{argon(Cost{19456, 1, 1}, 16, 32), true, "half the work"},
		{argon(Cost{4096, 16, 1}, 16, 32), true, "more passes do not replace memory"},
		{argon(DefaultCost(), 8, 32), true, "a short salt"},
		{argon(DefaultCost(), 16, 16), true, "a short tag"},
		{crypt5, true, "another kind"},
		{bcrypt72, true, "another kind"},
	} {
		hash, err := h.Parse(row.hash)
		require.NoError(t, err)
		require.Equal(t, row.want, h.NeedsUpgrade(hash), row.because)
	}
	require.False(t, h.NeedsUpgrade(Hash{}), "there is nothing to upgrade")
}

func TestPepperAndMixAreValidated(t *testing.T) {
	_, err := NewHasher(&Options{
		Pepper: Pepper{Keys: map[int]Key{0: key1, 2: key1[:31]}, Current: 3},
		Mix:    Mix{Key: key1[:31], Parts: map[string]float64{crypt5: 0.7, bcrypt72: 0.7, "$5$": 0.1, "$pepper$k=2$AAAA": 0.1, "$6$$": -1}},
	})
	for _, says := range []string{"Pepper.Keys[0] has 32 bytes", "Pepper.Keys[2] has 31 bytes", "Pepper.Current is 3", "Mix.Key has 31 bytes", "hash 5 of them"} {
		require.ErrorContains(t, err, says)
	}
	require.NotContains(t, err.Error(), crypt5, "errors are logged")
	_, err = NewHasher(&Options{Mix: Mix{Key: key1, Parts: map[string]float64{crypt5: 0.7, bcrypt72: 0.7}}})
	require.ErrorContains(t, err, "together")
	_, err = NewHasher(&Options{Mix: Mix{Key: key1, Parts: map[string]float64{crypt5: 0}}})
	require.ErrorContains(t, err, "has the part 0")
	_, err = NewHasher(&Options{Pepper: Pepper{Bare: true}})
	require.ErrorContains(t, err, "Pepper.Current is 0")
}

// PW-26: keys do not print, nor do wishes for a password.
func TestKeysAndWishesDoNotPrint(t *testing.T) {
	secret := []byte("canary-canary-canary-canary-canary")
	p := Pepper{Keys: map[int]Key{1: secret}, Current: 1}
	var out strings.Builder
	for _, v := range []any{p, &p, Options{Pepper: p}, map[string]Pepper{"x": p}, Mix{Key: secret}, Options{Mix: Mix{Key: secret}}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %x", v, v, v, v, v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "pepper", v)
		_, err := json.Marshal(v)
		require.Error(t, err)
	}
	h := hasher(t, Options{Pepper: p, Mix: Mix{Key: secret, Parts: map[string]float64{crypt5: 0.5}}})
	for _, v := range []any{h, *h, h.For(Owner{"north", "mia", "pwd"}), struct{ in *Hasher }{h}, struct{ in Hasher }{*h}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %x %d", v, v, v, v, v, v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "hasher", v)
	}
	wish := Change{New: string(secret), About: About{Words: []string{string(secret)}, Previous: string(secret)}}
	for _, v := range []any{wish, &wish, wish.About, map[string]Change{"x": wish}, struct{ About }{wish.About}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %x", v, v, v, v, v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "wish", v)
		_, err := json.Marshal(v)
		require.Error(t, err)
	}
	for _, form := range []string{string(secret), fmt.Sprintf("%x", secret), fmt.Sprint(secret)} {
		require.NotContains(t, out.String(), strings.Trim(form, "[]"))
	}
}

// PW-16: with imported hashes about, as many logins that do not exist cost like them; which ones stays and cannot be told.
func TestMix(t *testing.T) {
	o := Options{Mix: Mix{Key: key1, Parts: map[string]float64{crypt5: 0.3, bcrypt72: 0.2}}}
	drawn := func(o Options) map[string]string {
		h, like := hasher(t, o), map[string]string{}
		for i := range 2000 {
			account := fmt.Sprint("phantom/", i)
			like[account] = h.For(Owner{"north", account, "password"}).like().ident
		}
		return like
	}
	first := drawn(o)
	count := map[string]int{}
	for _, ident := range first {
		count[ident]++
	}
	require.InDelta(t, 600, count["5"], 90)
	require.InDelta(t, 400, count["2b"], 80)
	require.InDelta(t, 1000, count[""], 100)
	require.Equal(t, first, drawn(o), "after a restart, and on every node")
	o.Mix.Key = key2
	require.NotEqual(t, first, drawn(o), "who has not the key cannot tell")
}

// PW-16, LK-08: whoever is locked, has no password, or does not exist costs what a wrong password costs, however it was hashed.
func TestDummiesWorkAsVerificationDoes(t *testing.T) {
	var compared []string
	legacy := compareFunc(func(encoded, password string) bool {
		compared = append(compared, encoded+" "+password)
		return true
	})
	o := Options{Schemes: map[string]Scheme{"legacy": legacy}, Mix: Mix{Key: key1, Parts: map[string]float64{"$legacy$sample": 1}}}
	h := hasher(t, o).For(anna)
	s := slot(t, h)
	hash, err := h.Parse("$legacy$anna")
	require.NoError(t, err)
	s.DummyLike(hash, "secret")
	s.Dummy("secret")
	require.False(t, s.Verify(Hash{}, "secret"), "though the sample would say yes")
	s.DummyLike(Hash{}, "secret")
	require.Equal(t, []string{"$legacy$anna xxxxxx", "$legacy$sample xxxxxx", "$legacy$sample secret", "$legacy$sample xxxxxx"}, compared)
	s.Dummy("")
	s.DummyLike(hash, "\xff")
	require.Len(t, compared, 4)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
