package token

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

func TestThereAndBack(t *testing.T) {
	w := newWorld(t)
	for name, f := range map[string]symbolon.Facts{"mia": w.alone(), "mia for cust-42": w.both()} {
		p, err := w.tokens.Verify(context.Background(), FromString(w.issue(f)))
		require.NoError(t, err)
		require.Equal(t, name, p.String())
		require.Equal(t, []string{"care"}, p.Actor().Roles, "the directory is asked, the token is not")
		require.Equal(t, start.Add(5*time.Minute), p.NotAfter())
		got, err := symbolon.Unseal(seal.Ours(), w.realm, p)
		require.NoError(t, err)
		require.Equal(t, f.Stamps, got.Stamps)
		require.Equal(t, f.ActorProof, got.ActorProof)
		require.Equal(t, f.SubjectProof, got.SubjectProof)
		require.Equal(t, f.Interaction, got.Interaction)
	}
}

// TK-30: sub is the customer, act the employee, and act is nothing more.
// TK-40: amr and auth_time are the customer's; the employee's have their place.
// TK-21: nothing but ids, methods and times is in a token.
func TestGolden(t *testing.T) {
	w := newWorld(t)
	w.tokens.parts.Rand = dice{}
	for file, f := range map[string]symbolon.Facts{"employee.jwt": w.alone(), "composite.jwt": w.both()} {
		want, err := os.ReadFile("testdata/" + file)
		require.NoError(t, err)
		got := w.issue(f)
		require.Equal(t, strings.TrimSpace(string(want)), got, "what an older version wrote, a newer one must read: %s", file)
		_, err = w.verify(strings.TrimSpace(string(want)))
		require.NoError(t, err)
	}

	_, payload := parts(t, w.issue(w.both()))
	var c map[string]any
	require.NoError(t, json.Unmarshal([]byte(payload), &c))
	require.Equal(t, "cust-42", c["sub"])
	require.Equal(t, map[string]any{"sub": "mia"}, c["act"])
	require.Equal(t, []any{"sms"}, c["amr"])
	require.EqualValues(t, start.Add(-10*time.Second).Unix(), c["auth_time"])
	require.Equal(t, "crm", c["client_id"])

	_, payload = parts(t, w.issue(w.alone()))
	c = nil
	require.NoError(t, json.Unmarshal([]byte(payload), &c))
	require.Equal(t, "mia", c["sub"])
	require.Equal(t, []any{"pwd"}, c["amr"])
	require.NotContains(t, c, "act")
}

// TK-40, TK-41: each proof of each party comes back with its method, time,
// interaction and operation, in its order, and on its own side.
func TestProofsKeepTheirParts(t *testing.T) {
	w := newWorld(t)
	word := rapid.StringMatching(`[a-z:]{1,12}|[^\x00-\x1f\x7f"\\]{1,20}|["\\\x00-\x1f]{1,3}`)
	drawProofs := func(t *rapid.T, in symbolon.InteractionID, what string) symbolon.Verification {
		return symbolon.Verification{Proofs: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) symbolon.Proof {
			return symbolon.Proof{
				Method:      symbolon.Method(word.Draw(t, "method")),
				At:          time.Unix(rapid.Int64Range(1, maxTime).Draw(t, "at"), 0).UTC(),
				Interaction: in,
				For:         rapid.OneOf(rapid.Just(""), word).Draw(t, "for"),
			}
		}), 1, 8).Draw(t, what)}
	}
	rapid.Check(t, func(t *rapid.T) {
		f := w.both()
		f.ActorProof = drawProofs(t, symbolon.InteractionID(rapid.SampledFrom([]string{"", "i-0"}).Draw(t, "actor's interaction")), "actor")
		f.SubjectProof = drawProofs(t, "i-1", "subject")
		f.Interaction.Channel = word.Draw(t, "channel")
		got, err := w.verify(w.issue(f))
		require.NoError(t, err)
		require.Equal(t, f.ActorProof, got.ActorProof)
		require.Equal(t, f.SubjectProof, got.SubjectProof)
		require.Equal(t, f.Interaction, got.Interaction)

		alone := w.alone()
		alone.ActorProof = f.ActorProof
		got, err = w.verify(w.issue(alone))
		require.NoError(t, err)
		require.Equal(t, f.ActorProof, got.ActorProof)
		require.True(t, got.SubjectProof.IsZero())
		require.Nil(t, got.Claimed)
	})
}

// TK-41, AN-65: a proof never becomes younger, not even by the part of a second that
// a token does not carry.
func TestTimesAreRoundedDown(t *testing.T) {
	w := newWorld(t)
	w.now = start.Add(900 * time.Millisecond)
	f := w.alone()
	f.ActorProof.Proofs[0].At = start.Add(-1100 * time.Millisecond)
	f.Limits.NotAfter = start.Add(time.Minute + 999*time.Millisecond)
	got, err := w.verify(w.issue(f))
	require.NoError(t, err)
	require.Equal(t, start.Add(-2*time.Second), got.ActorProof.Proofs[0].At)
	require.Equal(t, start.Add(time.Minute), got.Limits.NotAfter)
}

func TestExpiry(t *testing.T) {
	for _, c := range []struct {
		because  string
		opts     Options
		limit    symbolon.Limits
		expected time.Duration
	}{
		{"five minutes by default", Options{}, symbolon.Limits{NotAfter: start.Add(time.Hour)}, 5 * time.Minute},
		{"as long as the host says", Options{Lifetime: time.Minute}, symbolon.Limits{NotAfter: start.Add(time.Hour)}, time.Minute},
		{"never later than the weakest input", Options{}, symbolon.Limits{NotAfter: start.Add(20 * time.Second)}, 20 * time.Second},
		{"never longer than policy says", Options{}, symbolon.Limits{NotAfter: start.Add(time.Hour), Token: time.Minute}, time.Minute},
		{"an hour is for employees alone", Options{Lifetime: time.Hour}, symbolon.Limits{NotAfter: start.Add(time.Hour)}, 5 * time.Minute},
		{"policy shortens and does not lengthen", Options{}, symbolon.Limits{NotAfter: start.Add(time.Hour), Token: time.Hour}, 5 * time.Minute},
	} {
		w := newWorldOn(t, memory.New(), "acme", config(testKey(t)), &c.opts)
		f := w.both()
		f.Limits = c.limit
		text := w.issue(f)
		got, err := w.verify(text)
		require.NoError(t, err, c.because)
		require.Equal(t, start.Add(c.expected), got.Limits.NotAfter, c.because)

		w.now = start.Add(c.expected - time.Millisecond)
		_, err = w.verify(text)
		require.NoError(t, err, c.because)
		w.now = start.Add(c.expected)
		_, err = w.verify(text)
		refused(t, err, "expired", c.because)
	}
}

// AN-65: a Principal that came from a token gives a token that ends with the first.
func TestIssuingAgainProlongsNothing(t *testing.T) {
	w := newWorld(t)
	p, err := w.tokens.Verify(context.Background(), FromString(w.issue(w.both())))
	require.NoError(t, err)
	for range 3 {
		w.now = w.now.Add(time.Minute)
		raw, err := w.tokens.Issue(context.Background(), p)
		require.NoError(t, err)
		p, err = w.tokens.Verify(context.Background(), raw)
		require.NoError(t, err)
		require.Equal(t, start.Add(5*time.Minute), p.NotAfter())
		require.Equal(t, start.Add(-10*time.Second), p.SubjectVerification().Since())
	}
}

// TK-07: the skew is for a clock that is ahead, and is bounded.
func TestSkew(t *testing.T) {
	w := newWorldOn(t, memory.New(), "acme", config(testKey(t)), &Options{Skew: time.Minute})
	text := w.issue(w.both())
	w.now = start.Add(-time.Minute)
	_, err := w.verify(text)
	require.NoError(t, err)
	w.now = w.now.Add(-time.Millisecond)
	_, err = w.verify(text)
	refused(t, err, "future")

	header, payload := parts(t, text)
	w.now = start
	soon := strings.Replace(payload, `"iat"`, `"nbf":`+unix(start.Add(time.Minute))+`,"iat"`, 1)
	_, err = w.verify(w.signed(header, soon))
	require.NoError(t, err)
	later := strings.Replace(payload, `"iat"`, `"nbf":`+unix(start.Add(61*time.Second))+`,"iat"`, 1)
	_, err = w.verify(w.signed(header, later))
	refused(t, err, "future")

	for _, skew := range []time.Duration{-1, 5*time.Minute + 1, time.Hour} {
		_, err := New(w.realm, config(w.key), &Options{Skew: skew})
		require.ErrorContains(t, err, "Options.Skew")
	}
}

// TK-18: a key verifies until the last token that it signed has expired, and
// not longer.
func TestRotation(t *testing.T) {
	old, next, lost := testKey(t), NewKey(), NewKey()
	before := newWorldOn(t, memory.New(), "acme", config(old), nil)
	text := before.issue(before.both())

	after := newWorldOn(t, before.store, "acme", config(next), &Options{Accept: []PublicKey{lost.Public(), old.Public().Until(start.Add(2 * time.Minute))}})
	_, err := after.verify(text)
	require.NoError(t, err, "the old key overlaps")
	_, err = before.verify(after.issue(after.both()))
	refused(t, err, "kid", "who has not heard of the new key does not accept it")
	gone := newWorldOn(t, before.store, "acme", config(next), nil)
	_, err = gone.verify(text)
	refused(t, err, "kid", "a key that is not accepted any more")
	after.now = start.Add(2*time.Minute - 1)
	_, err = after.verify(text)
	require.NoError(t, err)
	after.now = start.Add(2 * time.Minute)
	_, err = after.verify(text)
	refused(t, err, "time is over")
}

// TK-39, S1, S8: what a token rests on ends, on either side or by its absence, and with it the token, at the next check.
func TestEndings(t *testing.T) {
	set := func(change func(*stamp.Interaction)) func(*world, *table.Tx, bool) {
		return func(w *world, tx *table.Tx, actor bool) {
			if !actor {
				i, ok, err := table.Get[stamp.Interaction](tx.View, stamp.InteractionName("i-1"))
				require.True(w.t, ok && err == nil)
				change(&i)
				require.NoError(w.t, table.Put(tx, stamp.InteractionName("i-1"), i, time.Time{}))
			}
		}
	}
	for _, c := range []struct {
		because string
		change  func(w *world, tx *table.Tx, actor bool)
		alone   bool // whether the token of mia alone dies too
	}{
		{"the session was ended", func(_ *world, tx *table.Tx, actor bool) {
			if actor {
				tx.Delete(stamp.SessionName("mia", "s/1"))
			}
		}, true},
		{"mia's credentials changed", func(w *world, tx *table.Tx, actor bool) {
			if actor {
				require.NoError(w.t, table.Put(tx, stamp.ActorName("mia"), stamp.Party{Epoch: 4}, time.Time{}))
			}
		}, true},
		{"everything proved about the customer is void", func(w *world, tx *table.Tx, actor bool) {
			if !actor {
				require.NoError(w.t, table.Put(tx, stamp.SubjectName("cust-42"), stamp.Party{Epoch: 2}, time.Time{}))
			}
		}, false},
		{"the call ended", set(func(i *stamp.Interaction) { i.Ended = true }), false},
		{"the lease ran out", set(func(i *stamp.Interaction) { i.Lease = start }), false},
		{"the call was handed over", set(func(i *stamp.Interaction) { i.Holder, i.Leg = "tom", 3 }), false},
		{"the call came back in another leg", set(func(i *stamp.Interaction) { i.Leg = 3 }), false},
		{"the verification was replaced", set(func(i *stamp.Interaction) { i.Verification = "v-2" }), false},
		{"the interaction serves another", set(func(i *stamp.Interaction) { i.Subject = "cust-43" }), false},
	} {
		w := newWorld(t)
		both, alone := w.issue(w.both()), w.issue(w.alone())
		w.put(w.both().Stamps, func(tx *table.Tx, actor bool) { c.change(w, tx, actor) })
		_, err := w.verify(both)
		refused(t, err, "not live", c.because)
		_, err = w.tokens.Issue(context.Background(), w.seal(w.both()))
		require.ErrorIs(t, err, symbolon.ErrRefused, c.because)
		_, err = w.verify(alone)
		require.Equal(t, c.alone, err != nil, c.because)
	}
}

func TestPartiesOfToday(t *testing.T) {
	w := newWorld(t)
	both, alone := w.issue(w.both()), w.issue(w.alone())

	w.actors["mia"] = symbolon.Actor{Roles: []string{"sales"}}
	got, err := w.verify(both)
	require.NoError(t, err)
	require.Equal(t, []string{"sales"}, got.Actor.Roles, "roles are those of now, not of sign-in")

	w.actors["mia"] = symbolon.Actor{Disabled: true}
	for _, text := range []string{both, alone} {
		_, err := w.verify(text)
		refused(t, err, "actor", "a disabled employee")
	}
	delete(w.actors, "mia")
	_, err = w.verify(alone)
	refused(t, err, "actor", "an unknown employee")

	w = newWorld(t)
	header, payload := parts(t, w.issue(w.both()))
	_, err = w.verify(w.signed(header, strings.Replace(payload, "cust-42", "cust-0", 1)))
	refused(t, err, "subject", "an unknown customer")
}

// A store that does not answer refuses too, and says that it was not the token.
func TestDown(t *testing.T) {
	w := newWorld(t)
	p, text := w.seal(w.both()), w.issue(w.both())
	w.tokens.space = table.New(down{w.store}, "acme", func() time.Time { return w.now }, dice{})
	_, err := w.verify(text)
	require.ErrorIs(t, err, symbolon.ErrUnavailable)
	require.NotErrorIs(t, err, symbolon.ErrRefused)
	_, err = w.tokens.Issue(context.Background(), p)
	require.ErrorIs(t, err, symbolon.ErrUnavailable)
	require.NotErrorIs(t, err, symbolon.ErrRefused)
}

// TK-30, TK-44: for whom there is no token.
func TestNotIssued(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	claimed := w.both()
	claimed.Proved, claimed.SubjectProof, claimed.Stamps.Verification = false, symbolon.Verification{}, ""
	over := w.alone()
	over.Limits.NotAfter = start
	nearly := w.alone()
	nearly.Limits.NotAfter = start.Add(999 * time.Millisecond)
	boundless := w.alone()
	boundless.Limits = symbolon.Limits{}
	self := w.both()
	self.Claimed.Person = "p-mia"
	crowded := w.both()
	crowded.SubjectProof.Proofs = slices.Repeat(crowded.SubjectProof.Proofs, 200)
	broken := w.both()
	broken.Interaction.Channel = "ph\xffne"
	timeless := w.alone()
	timeless.ActorProof.Proofs[0].At = time.Time{}
	garbled := w.both()
	garbled.SubjectProof.Proofs[0].For = "sim\xff"
	unopened := w.both()
	unopened.Interaction.Opened = time.Time{}

	for _, c := range []struct {
		because string
		p       symbolon.Principal
		class   error
	}{
		{"nobody", symbolon.Principal{}, symbolon.ErrRefused},
		{"another realm", other.seal(other.both()), symbolon.ErrRefused},
		{"not proved", w.seal(claimed), symbolon.ErrRefused},
		{"is over", w.seal(over), symbolon.ErrRefused},
		{"is over", w.seal(nearly), symbolon.ErrRefused},
		{"is over", w.seal(boundless), symbolon.ErrRefused},
		{"one person", w.seal(self), symbolon.ErrRefused},
		{"too many", w.seal(crowded), symbolon.ErrInvalid},
		{"not UTF-8", w.seal(broken), symbolon.ErrInvalid},
		{"no method or time", w.seal(timeless), symbolon.ErrInvalid},
		{"not UTF-8", w.seal(garbled), symbolon.ErrInvalid},
		{"no time", w.seal(unopened), symbolon.ErrInvalid},
	} {
		raw, err := w.tokens.Issue(context.Background(), c.p)
		require.ErrorIs(t, err, c.class, c.because)
		require.ErrorContains(t, err, c.because)
		require.True(t, raw.IsZero(), c.because)
	}
}

func TestNewNamesAllThatIsWrong(t *testing.T) {
	_, err := New(nil, Config{}, &Options{Lifetime: 2 * time.Hour, Skew: time.Hour, Accept: []PublicKey{{}}})
	require.ErrorIs(t, err, symbolon.ErrInvalid)
	for _, what := range []string{"Realm", "Config.Issuer", "Config.Audience", "Options.Lifetime", "Options.Skew", "Options.Accept[0]"} {
		require.ErrorContains(t, err, what)
	}
	_, err = New(nil, Config{}, nil)
	require.ErrorContains(t, err, "Config.Key")
	w := newWorld(t)
	c := config(w.key)
	c.Issuer, c.Audience, c.ClientID = "line\nbreak", strings.Repeat("a", 513), "ümlaut"
	_, err = New(w.realm, c, &Options{Accept: []PublicKey{w.key.Public()}})
	for _, what := range []string{"Config.Issuer", "Config.Audience", "Config.ClientID", "Options.Accept[0] only once"} {
		require.ErrorContains(t, err, what)
	}
}

// G29: a back end that only verifies holds no key that signs.
func TestAVerifierHoldsNoSigningKey(t *testing.T) {
	issuer := newWorld(t)
	c := config(issuer.key)
	c.Key = Key{}
	verifier := newWorldOn(t, issuer.store, "acme", c, &Options{Accept: []PublicKey{issuer.key.Public()}})
	text := issuer.issue(issuer.both())
	_, err := verifier.verify(text)
	require.NoError(t, err)
	_, err = verifier.tokens.Issue(context.Background(), verifier.seal(verifier.both()))
	require.ErrorIs(t, err, symbolon.ErrInvalid)
	require.ErrorContains(t, err, "only verifies")
}

func TestKeys(t *testing.T) {
	_, err := KeyFrom(nil)
	require.Error(t, err)
	_, err = PublicKeyFrom(make(ed25519.PublicKey, 32))
	require.ErrorContains(t, err, "low order")
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	k, err := KeyFrom(private)
	require.NoError(t, err)
	p, err := PublicKeyFrom(public)
	require.NoError(t, err)
	require.Equal(t, k.Public().ID(), p.ID())
	require.NotEqual(t, NewKey().Public().ID(), NewKey().Public().ID())
}

// TestTogether is for the race detector.
func TestTogether(t *testing.T) {
	w := newWorld(t)
	both := w.seal(w.both())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				raw, err := w.tokens.Issue(context.Background(), both)
				assert.NoError(t, err)
				p, err := w.tokens.Verify(context.Background(), raw)
				assert.NoError(t, err)
				assert.Equal(t, "mia for cust-42", p.String())
			}
		})
	}
	all.Wait()
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
