package symbolon_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

func newRealm(t testing.TB) *symbolon.Realm {
	t.Helper()
	secret, err := symbolon.NewSecret("1", make([]byte, 32))
	require.NoError(t, err)
	r, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: memory.New(), Secret: secret,
		Actors: symbolon.ActorMap{"mia": {}}, Subjects: symbolon.SubjectMap{"cust-42": {}}}, nil)
	require.NoError(t, err)
	return r
}

func TestIDs(t *testing.T) {
	for _, c := range []struct {
		id      string
		ok      bool
		because string
	}{
		{"mia", true, "plain"}, {"Zoë/%'\"", true, "any characters that print"}, {strings.Repeat("x", 128), true, "128 bytes"},
		{"", false, "empty"}, {strings.Repeat("x", 129), false, "129 bytes"}, {"\xff", false, "not UTF-8"},
		{"a\nb", false, "AU-04: a line break"}, {"a\x00", false, "NUL"}, {"a\u0085b", false, "a control character beyond ASCII"},
	} {
		_, err := symbolon.ParseID[symbolon.ActorID](c.id)
		require.Equal(t, c.ok, err == nil, c.because)
		if err != nil {
			require.ErrorIs(t, err, symbolon.ErrInvalid)
		}
	}
}

func TestNewRealmNamesAllThatIsMissing(t *testing.T) {
	_, err := symbolon.NewRealm(symbolon.RealmConfig{}, &symbolon.RealmOptions{Classes: []symbolon.Class{{Name: "a b"}, {Name: "x", Sets: [][]symbolon.Method{{}}}}})
	require.ErrorIs(t, err, symbolon.ErrInvalid)
	for _, what := range []string{"Tenant", "Store", "Secret", "Actors", "Subjects", `"a b"`, `"x"`} {
		require.ErrorContains(t, err, what)
	}
	_, err = symbolon.NewSecret("1", make([]byte, 31))
	require.ErrorContains(t, err, "31 bytes")
}

type forgetful struct{ *memory.Store }

func (forgetful) Ephemeral() string { return "it replicates later" }

// S8: what may forget a lock is no place for one.
func TestADurableStoreIsNeeded(t *testing.T) {
	s, err := symbolon.NewSecret("1", make([]byte, 32))
	require.NoError(t, err)
	c := symbolon.RealmConfig{Tenant: "acme", Store: forgetful{memory.New()}, Secret: s, Actors: symbolon.ActorMap{}, Subjects: symbolon.SubjectMap{}}
	_, err = symbolon.NewRealm(c, nil)
	require.ErrorIs(t, err, symbolon.ErrInvalid)
	require.ErrorContains(t, err, "it replicates later")
	ephemeral := c.Store
	c.Store = memory.New()
	_, err = symbolon.NewRealm(c, &symbolon.RealmOptions{Ephemeral: ephemeral})
	require.NoError(t, err)
}

// PW-26, TK-15: a root key never shows.
func TestASecretDoesNotShow(t *testing.T) {
	const canary = "canary-canary-canary-canary-canary"
	s, err := symbolon.NewSecret("1", []byte(canary))
	require.NoError(t, err)
	var out strings.Builder
	for _, v := range []any{s, &s, struct{ s symbolon.Secret }{s}, symbolon.RealmConfig{Secret: s}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %x", v, v, v, v, v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		b, _ := json.Marshal(v)
		out.Write(b)
	}
	require.NotContains(t, out.String(), canary)
	require.NotContains(t, out.String(), fmt.Sprintf("%x", canary))
}

func TestDerivedKeysDiffer(t *testing.T) {
	a, b := newRealm(t).Parts(seal.Ours()), newRealm(t).Parts(seal.Ours())
	require.Equal(t, a.Derive("pepper"), b.Derive("pepper"), "the same secret, tenant and use")
	require.NotEqual(t, a.Derive("pepper"), a.Derive("outbox"), "another use")
	require.Len(t, a.Derive("pepper"), 32)
}

// S5: unset is not zero.
func TestValues(t *testing.T) {
	require.False(t, symbolon.Value{}.IsSet())
	require.Nil(t, symbolon.Value{}.Any())
	for _, v := range []symbolon.Value{symbolon.IntValue(0), symbolon.StringValue(""), symbolon.BoolValue(false), symbolon.StringsValue(), symbolon.TimeValue(time.Time{})} {
		require.True(t, v.IsSet(), "%v", v.Any())
	}
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	v := symbolon.IntValue(7).From("risk engine", at)
	require.Equal(t, "risk engine", v.Source())
	require.Equal(t, at, v.At())
	list := symbolon.StringsValue("a").Any().([]string)
	list[0] = "b"
	require.Equal(t, []string{"a"}, symbolon.StringsValue("a").Any())
}

// AN-09: classes are sets of methods and have no order.
func TestClasses(t *testing.T) {
	c := symbolon.Class{Name: "line-control", Sets: [][]symbolon.Method{{"sms", "face"}, {"hwk"}}}
	for _, row := range []struct {
		methods []symbolon.Method
		want    bool
		because string
	}{
		{nil, false, "nothing proved"}, {[]symbolon.Method{"sms"}, false, "half a set"},
		{[]symbolon.Method{"face", "kba", "sms"}, true, "a whole set, and more"}, {[]symbolon.Method{"hwk"}, true, "the other set"},
	} {
		require.Equal(t, row.want, c.Reached(row.methods), row.because)
	}
	require.False(t, symbolon.Class{Name: "none"}.Reached([]symbolon.Method{"sms"}), "no set")
	require.False(t, symbolon.Class{Name: "empty", Sets: [][]symbolon.Method{{}}}.Reached(nil), "an empty set reaches nothing")
}

func TestVerifications(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 999, time.UTC)
	v := symbolon.Verification{}.
		With(symbolon.Proof{Method: "sms", At: at, For: "sim.change"}).
		With(symbolon.Proof{Method: "face", At: at.Add(time.Minute)}).
		With(symbolon.Proof{Method: "sms", At: at.Add(2 * time.Minute), For: "address.change"})
	require.Equal(t, []symbolon.Method{"face", "sms"}, v.Methods())
	require.Equal(t, at.Truncate(time.Second), v.Since(), "as old as its oldest part, in whole seconds")
	require.Equal(t, []symbolon.Method{"face", "sms"}, v.For("sim.change").Methods())
	require.Equal(t, []symbolon.Method{"face"}, v.For("port.out").Methods(), "S15: a code for one operation proves nothing for another")
	newer := v.With(symbolon.Proof{Method: "sms", At: at.Add(time.Hour), For: "sim.change"})
	require.Len(t, newer.Proofs, 3, "a newer proof takes the place of the older")
	require.Len(t, v.Proofs, 3)
	require.Equal(t, at.Truncate(time.Second), v.Since(), "and v is unchanged")
	require.True(t, symbolon.Verification{}.IsZero())
	require.True(t, symbolon.Verification{}.Since().IsZero())
}

// S22: an unknown person is never distinct from another.
func TestSamePerson(t *testing.T) {
	require.True(t, symbolon.SamePerson("a", "a"))
	require.True(t, symbolon.SamePerson("", "a"))
	require.True(t, symbolon.SamePerson("", ""))
	require.False(t, symbolon.SamePerson("a", "b"))
}

func facts() symbolon.Facts {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	return symbolon.Facts{
		Actor:        symbolon.Actor{ID: "mia", Kind: symbolon.Employee, Roles: []string{"care"}},
		ActorProof:   symbolon.Verification{}.With(symbolon.Proof{Method: "pwd", At: at}),
		Claimed:      &symbolon.Subject{ID: "cust-42"},
		Proved:       true,
		SubjectProof: symbolon.Verification{}.With(symbolon.Proof{Method: "sms", At: at, Interaction: "i1"}),
		Interaction:  symbolon.Interaction{ID: "i1"},
		Limits:       symbolon.Limits{NotAfter: at},
		Stamps:       seal.Stamps{Actor: "mia", Session: "s/1", Subject: "cust-42", Interaction: "i1", Verification: "v1"},
	}
}

// AN-01, TK-40: facts that contradict each other make nobody.
func TestSealRefusesContradictions(t *testing.T) {
	r := newRealm(t)
	p, err := symbolon.Seal(seal.Ours(), r, facts())
	require.NoError(t, err)
	require.Equal(t, "mia for cust-42", p.String())
	for because, spoil := range map[string]func(*symbolon.Facts){
		"no actor":                               func(f *symbolon.Facts) { f.Actor.ID = "" },
		"an actor of no kind":                    func(f *symbolon.Facts) { f.Actor.Kind = 0 },
		"an actor who proved nothing":            func(f *symbolon.Facts) { f.ActorProof = symbolon.Verification{} },
		"no session":                             func(f *symbolon.Facts) { f.Stamps.Session = "" },
		"another actor's stamps":                 func(f *symbolon.Facts) { f.Stamps.Actor = "tom" },
		"a customer without an interaction":      func(f *symbolon.Facts) { f.Interaction.ID = "" },
		"an interaction without a customer":      func(f *symbolon.Facts) { f.Claimed = nil },
		"proved, with no proof":                  func(f *symbolon.Facts) { f.SubjectProof = symbolon.Verification{} },
		"a proof, but not proved":                func(f *symbolon.Facts) { f.Proved = false },
		"proved, with no verification's stamp":   func(f *symbolon.Facts) { f.Stamps.Verification = "" },
		"another customer's stamps":              func(f *symbolon.Facts) { f.Stamps.Subject = "cust-43" },
		"another interaction's stamps":           func(f *symbolon.Facts) { f.Stamps.Interaction = "i2" },
		"a proof of another interaction":         func(f *symbolon.Facts) { f.SubjectProof.Proofs[0].Interaction = "i2" },
		"the actor's proof as the customer's":    func(f *symbolon.Facts) { f.SubjectProof = f.ActorProof },
		"an actor's half with a customer's rest": func(f *symbolon.Facts) { f.Claimed, f.Interaction, f.Proved = nil, symbolon.Interaction{}, false },
	} {
		f := facts()
		spoil(&f)
		p, err := symbolon.Seal(seal.Ours(), r, f)
		require.ErrorIs(t, err, symbolon.ErrRefused, because)
		require.True(t, p.IsZero(), because)
	}
}

// S17: only our packages seal, and a realm is its pointer.
func TestWhoSeals(t *testing.T) {
	r := newRealm(t)
	require.Panics(t, func() { _, _ = symbolon.Seal(zero[seal.Key](), r, facts()) })
	require.Panics(t, func() { _, _ = symbolon.Unseal(zero[seal.Key](), r, symbolon.Principal{}) })
	require.Panics(t, func() { r.Parts(zero[seal.Key]()) })
	p, err := symbolon.Seal(seal.Ours(), r, facts())
	require.NoError(t, err)
	_, err = symbolon.Unseal(seal.Ours(), newRealm(t), p)
	require.ErrorIs(t, err, symbolon.ErrRefused)
	_, err = symbolon.Unseal(seal.Ours(), r, symbolon.Principal{})
	require.ErrorIs(t, err, symbolon.ErrRefused)
	_, err = json.Marshal(p)
	require.ErrorContains(t, err, "token")
}

func zero[T any]() (z T) { return z }

// A Principal is a snapshot: nothing that it hands out changes it.
func TestAPrincipalIsImmutable(t *testing.T) {
	r := newRealm(t)
	f := facts()
	p, err := symbolon.Seal(seal.Ours(), r, f)
	require.NoError(t, err)
	f.Actor.Roles[0], f.SubjectProof.Proofs[0].Method, f.Claimed.ID = "admin", "face", "cust-43"
	p.Actor().Roles[0] = "admin"
	p.SubjectVerification().Proofs[0].Method = "face"
	u, err := symbolon.Unseal(seal.Ours(), r, p)
	require.NoError(t, err)
	u.Actor.Roles[0], u.Claimed.ID = "admin", "cust-43"
	require.Equal(t, []string{"care"}, p.Actor().Roles)
	require.Equal(t, "mia for cust-42", p.String())
	require.Equal(t, []symbolon.Method{"sms"}, p.SubjectVerification().Methods())
}

func TestNobody(t *testing.T) {
	var p symbolon.Principal
	require.True(t, p.IsZero())
	require.Equal(t, "nobody", p.String())
	require.Zero(t, p.Actor().ID)
	_, ok := p.Subject()
	require.False(t, ok)
	_, ok = p.Interaction()
	require.False(t, ok)
}

type liar struct{ symbolon.ActorMap }

func (l liar) Actor(context.Context, symbolon.ActorID) (symbolon.Actor, error) {
	return symbolon.Actor{ID: "boss", Kind: symbolon.Employee}, nil
}

func (l liar) ActorByLogin(context.Context, string) (symbolon.Actor, error) {
	return symbolon.Actor{}, errors.New("timeout")
}

// AZ-31: a directory is held to its word.
func TestDirectories(t *testing.T) {
	secret, err := symbolon.NewSecret("1", make([]byte, 32))
	require.NoError(t, err)
	r, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: memory.New(), Secret: secret, Actors: liar{}, Subjects: symbolon.SubjectMap{}}, nil)
	require.NoError(t, err)
	p := r.Parts(seal.Ours())
	_, err = p.Actor(t.Context(), "mia")
	require.ErrorIs(t, err, symbolon.ErrUnavailable, "it answered with somebody else, which somebody must look into")
	_, err = p.FindActor(t.Context(), "mia")
	require.ErrorIs(t, err, symbolon.ErrUnavailable, "an outage is not a no")
	_, err = p.Subject(t.Context(), "cust-42")
	require.ErrorIs(t, err, symbolon.ErrNotFound)
}

// TK-40: whatever was proved, For never invents a method.
func TestForOnlyTakesAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		methods := rapid.SampledFrom([]symbolon.Method{"sms", "face", "hwk"})
		ops := rapid.SampledFrom([]string{"", "a", "b"})
		var v symbolon.Verification
		for range rapid.IntRange(0, 6).Draw(t, "n") {
			v = v.With(symbolon.Proof{Method: methods.Draw(t, "m"), For: ops.Draw(t, "for")})
		}
		for _, p := range v.For("a").Proofs {
			require.Contains(t, v.Proofs, p)
			require.Contains(t, []string{"", "a"}, p.For)
		}
	})
}

func TestValuesCompare(t *testing.T) {
	at := time.Now()
	for _, c := range []struct {
		a, b symbolon.Value
		want bool
	}{
		{symbolon.StringsValue("a", "b"), symbolon.StringsValue("b", "a", "a"), true},
		{symbolon.StringsValue("a"), symbolon.StringValue("a"), false},
		{symbolon.StringValue("a"), symbolon.StringsValue("a"), false},
		{symbolon.StringValue("1"), symbolon.IntValue(1), false},
		{symbolon.IntValue(1).From("a", at), symbolon.IntValue(1), true},
		{symbolon.TimeValue(at), symbolon.TimeValue(at.UTC().Round(0)), true},
		{symbolon.Value{}, symbolon.Value{}, true},
		{symbolon.Value{}, symbolon.IntValue(0), false},
	} {
		require.Equal(t, c.want, c.a.Equal(c.b), "%v %v", c.a.Any(), c.b.Any())
	}
}
