package authn_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/authn/authntest"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

// PW-17, LK-01: what cannot be an attempt is told so, and counts as none.
func TestBadInputIsNamedAndCountsAsNothing(t *testing.T) {
	d := newDesk(t, memory.New())
	ctx := t.Context()
	_, claim := d.claim("call-1")
	long := strings.Repeat("x", 10<<20)
	for _, c := range []struct {
		because string
		call    func() error
		want    string
	}{
		{"an empty login", func() error { _, err := d.actors.SignIn(ctx, "", right); return err }, "login"},
		{"a login of 256 bytes", func() error { _, err := d.actors.SignIn(ctx, strings.Repeat("m", 256), right); return err }, "login"},
		{"an empty password", func() error { _, err := d.actors.SignIn(ctx, "mia", ""); return err }, "password"},
		{"a password of 10 MB", func() error { _, err := d.actors.SignIn(ctx, "mia", long); return err }, "password"},
		{"a password that is not UTF-8", func() error { _, err := d.actors.SignIn(ctx, "mia", "\xff\xfe"); return err }, "password"},
		{"a new password that is too short", func() error { return d.actors.AsHost("x").SetPassword(ctx, "mia", "short") }, "15"},
		{"a host without a reason", func() error { return d.actors.AsHost("").SetPassword(ctx, "mia", right) }, "reason"},
		{"an imported hash that is none", func() error { return d.actors.AsHost("x").Import(ctx, "mia", "$argon2id$nonsense") }, "password"},
		{"an unknown method", func() error { _, err := d.subjects.Challenge(ctx, claim, "kba", "sim.change"); return err }, "method"},
		{"a code for nothing", func() error {
			_, err := d.subjects.Challenge(ctx, claim, symbolon.MethodSMS, "")
			return err
		}, "operation"},
		{"a challenge of ours that serves nobody", func() error {
			_, err := d.subjects.Challenge(ctx, d.mia, symbolon.MethodSMS, "sim.change")
			return err
		}, "Join"},
		{"no challenge", func() error { _, err := d.subjects.Confirm(ctx, claim, "", "123456"); return err }, "challenge"},
		{"no code", func() error { _, err := d.subjects.Confirm(ctx, claim, "sms.x", ""); return err }, "code"},
		{"a code of 1 MB", func() error { _, err := d.subjects.Confirm(ctx, claim, "sms.x", long[:1<<20]); return err }, "code"},
		{"a call without an id", func() error { _, err := d.subjects.Open(ctx, d.pbx, authn.Call{}); return err }, "Call.ID"},
		{"a call id with a line break", func() error {
			_, err := d.subjects.Open(ctx, d.pbx, authn.Call{ID: "a\nb", Channel: "phone", Actor: "mia", Subject: "cust-42"})
			return err
		}, "Call.ID"},
		{"a call to a machine", func() error {
			_, err := d.subjects.Open(ctx, d.pbx, authn.Call{ID: "c", Channel: "phone", Actor: "ivr", Subject: "cust-42"})
			return err
		}, "Actor"},
		{"an unlock without a reason", func() error { return d.actors.Unlock(ctx, d.mia, "tom", "") }, "reason"},
	} {
		t.Run(c.because, func(t *testing.T) {
			err := c.call()
			require.ErrorIs(t, err, symbolon.ErrInvalid)
			require.ErrorContains(t, err, c.want, "the error names the field")
			require.NotContains(t, err.Error(), "xxxxxxxx", "and does not repeat the input")
		})
	}
	for range 4 { // had one of them counted, the fifth failure would come now
		_, err := d.actors.SignIn(ctx, "mia", "wrong")
		refused(t, err, authn.ReasonWrong, "a real guess")
	}
	d.signIn("mia", right)
}

// AN-47: whoever cannot sign in gets the same answer, for different reasons.
func TestWhoCannotSignIn(t *testing.T) {
	d := newDesk(t, memory.New())
	for _, c := range []struct {
		login   string
		want    authn.Reason
		because string
	}{
		{"nobody", authn.ReasonUnknown, "an unknown login"},
		{"gone", authn.ReasonUnknown, "a disabled employee does not exist"},
		{"pbx", authn.ReasonUnknown, "a service has no password"},
		{"mia2", authn.ReasonWrong, "an employee for whom no password was set"},
		{"mia", authn.ReasonWrong, "a wrong password"},
	} {
		_, err := d.actors.SignIn(t.Context(), c.login, "wrong")
		refused(t, err, c.want, c.because)
	}
}

// AN-47, S23: unknown, wrong and locked make the same calls.
func TestEveryRefusalCostsTheSame(t *testing.T) {
	store := storagetest.Counting(memory.New())
	d := newDesk(t, store)
	cost := func(login, pw string) string {
		g, s, c := store.Gets.Load(), store.Scans.Load(), store.Commits.Load()
		_, err := d.actors.SignIn(t.Context(), login, pw)
		require.ErrorIs(t, err, authn.ErrRefused)
		return fmt.Sprintf("%d gets, %d scans, %d commits", store.Gets.Load()-g, store.Scans.Load()-s, store.Commits.Load()-c)
	}
	want := "1 gets, 0 scans, 2 commits"
	require.Equal(t, want, cost("nobody", "wrong"), "unknown")
	require.Equal(t, want, cost("nobody", "wrong"), "unknown again")
	for range 5 {
		require.Equal(t, want, cost("mia", "wrong"), "wrong")
	}
	require.Equal(t, want, cost("mia", "wrong"), "locked")
	require.Equal(t, want, cost("mia", right), "locked, with the right password")
	require.Equal(t, want, cost("mia2", "wrong"), "an employee without a password")
}

// S23, AU-02: guessing at names fills one record, and every attempt at a real account is told.
func TestUnknownLoginsFillOneRecord(t *testing.T) {
	d := newDesk(t, memory.New())
	for range 3 {
		_, err := d.actors.SignIn(t.Context(), "nobody", "wrong")
		refused(t, err, authn.ReasonUnknown, "a guess at a name")
	}
	page, err := d.log.List(t.Context(), audit.Query{Event: "signin"})
	require.NoError(t, err)
	var counted []audit.Record
	for _, r := range page.Records {
		if r.Actor == "" {
			counted = append(counted, r)
		}
	}
	require.Len(t, counted, 1)
	require.Equal(t, 3, counted[0].Count)
}

// S3, SE-14: only the service that opened a call may say how it goes on, and only its agent may join.
func TestWhoMayTouchACall(t *testing.T) {
	d := newDesk(t, memory.New())
	ctx := t.Context()
	call := d.call("call-1")
	key, err := d.actors.AsHost("second service").NewKey(ctx, "ivr")
	require.NoError(t, err)
	ivr, err := d.actors.SignInKey(ctx, key)
	require.NoError(t, err)
	tom := d.signIn("tom", right+" of tom")

	_, err = d.subjects.Open(ctx, d.mia, authn.Call{ID: "call-2", Channel: "phone", Actor: "mia", Subject: "cust-42"})
	refused(t, err, authn.ReasonNotYours, "an employee's desktop cannot invent a call")
	for name, p := range map[string]symbolon.Principal{"the agent": d.mia, "another service": ivr} {
		refused(t, d.subjects.Renew(ctx, p, call), authn.ReasonNotYours, "renewed by "+name)
		refused(t, d.subjects.End(ctx, p, call), authn.ReasonNotYours, "ended by "+name)
	}
	_, err = d.subjects.Join(ctx, tom, call)
	refused(t, err, authn.ReasonNotYours, "another employee's call")
	_, err = d.subjects.Join(ctx, d.mia, call+"x")
	refused(t, err, authn.ReasonUnknown, "an id that was never drawn")
	_, err = d.subjects.Join(ctx, d.mia, "izz")
	refused(t, err, authn.ReasonUnknown, "an id of no shard")
	_, err = d.subjects.Open(ctx, d.pbx, authn.Call{ID: "call-1", Channel: "phone", Actor: "tom", Subject: "cust-43"})
	refused(t, err, authn.ReasonUsed, "a call id used for another contact")

	again := d.call("call-1")
	require.Equal(t, call, again, "the same Open repeated is answered alike")
	require.NoError(t, d.subjects.End(ctx, d.pbx, call))
	require.NoError(t, d.subjects.End(ctx, d.pbx, call), "ending twice is no error")
	_, err = d.subjects.Open(ctx, d.pbx, authn.Call{ID: "call-1", Channel: "phone", Actor: "mia", Subject: "cust-42"})
	refused(t, err, authn.ReasonUsed, "an ended call does not come back")
}

// AN-21, AN-22, LK-06, LK-07, LK-11: codes.
func TestCodes(t *testing.T) {
	t.Run("a code of one call is wrong in another", func(t *testing.T) {
		d := newDesk(t, memory.New())
		_, first := d.claim("call-1")
		_, second := d.claim("call-2")
		ask := d.ask(first)
		_, err := d.subjects.Confirm(t.Context(), second, ask.ID, d.inbox.last(t).Code.Reveal())
		refused(t, err, authn.ReasonWrong, "bound to its interaction")
	})
	t.Run("a new code takes the place of the one before", func(t *testing.T) {
		d := newDesk(t, memory.New())
		_, claim := d.claim("call-1")
		old := d.ask(claim)
		code := d.inbox.last(t).Code.Reveal()
		d.ask(claim)
		_, err := d.subjects.Confirm(t.Context(), claim, old.ID, code)
		refused(t, err, authn.ReasonWrong, "the former code")
	})
	t.Run("resending gives no guess back, and a new call neither", func(t *testing.T) {
		d := newDesk(t, memory.New())
		_, claim := d.claim("call-1")
		for range 4 {
			ask := d.ask(claim)
			_, err := d.subjects.Confirm(t.Context(), claim, ask.ID, "000000x")
			refused(t, err, authn.ReasonWrong, "a guess")
		}
		_, claim = d.claim("call-2")
		ask := d.ask(claim)
		_, err := d.subjects.Confirm(t.Context(), claim, ask.ID, "000000x")
		refused(t, err, authn.ReasonWrong, "the fifth")
		_, err = d.subjects.Confirm(t.Context(), claim, ask.ID, d.inbox.last(t).Code.Reveal())
		refused(t, err, authn.ReasonLocked, "the right code of a locked customer")
		require.Contains(t, d.events(audit.Query{Subject: "cust-42"}), "customer.locked succeeded")
	})
	t.Run("an old code is wrong", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, memory.New())
			call, claim := d.claim("call-1")
			ask := d.ask(claim)
			code := d.inbox.last(t).Code.Reveal()
			for range 15 {
				time.Sleep(20 * time.Second)
				require.NoError(t, d.subjects.Renew(t.Context(), d.pbx, call))
			}
			_, err := d.subjects.Confirm(t.Context(), claim, ask.ID, code)
			refused(t, err, authn.ReasonWrong, "five minutes are over")
		})
	})
	t.Run("a flood of messages stops", func(t *testing.T) {
		d := newDesk(t, memory.New())
		_, claim := d.claim("call-1")
		for range 5 {
			d.ask(claim)
		}
		_, err := d.subjects.Challenge(t.Context(), claim, symbolon.MethodSMS, "sim.change")
		refused(t, err, authn.ReasonLimit, "LK-14: the sixth code")
	})
	t.Run("a code that could not be sent is sent later", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, memory.New())
			_, claim := d.claim("call-1")
			d.inbox.down = true
			ask := d.ask(claim)
			require.Empty(t, d.inbox.got)
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- d.subjects.Run(ctx) }()
			time.Sleep(15 * time.Second)
			d.inbox.mu.Lock()
			d.inbox.down = false
			d.inbox.mu.Unlock()
			time.Sleep(14 * time.Second)
			stop()
			require.ErrorIs(t, <-done, context.Canceled)
			_, err := d.subjects.Confirm(t.Context(), claim, ask.ID, d.inbox.last(t).Code.Reveal())
			require.NoError(t, err)
		})
	})
}

// LK-17, S22: who may unlock.
func TestUnlock(t *testing.T) {
	d := newDesk(t, memory.New())
	ctx := t.Context()
	tom := d.signIn("tom", right+" of tom")
	require.NoError(t, d.actors.AsHost("second login").SetPassword(ctx, "mia2", right+" twice"))
	mia2 := d.signIn("mia2", right+" twice")
	for range 5 {
		_, err := d.actors.SignIn(ctx, "mia", "wrong")
		refused(t, err, authn.ReasonWrong, "a guess")
	}
	refused(t, d.actors.Unlock(ctx, d.mia, "mia", "I am back"), authn.ReasonNotYours, "oneself")
	refused(t, d.actors.Unlock(ctx, mia2, "mia", "I am back"), authn.ReasonNotYours, "oneself, by another login")
	refused(t, d.actors.Unlock(ctx, d.pbx, "mia", "robot"), authn.ReasonNotYours, "a machine")
	require.NoError(t, d.actors.Unlock(ctx, tom, "mia", "seen her badge"))
	d.signIn("mia", right)
	page, err := d.log.List(ctx, audit.Query{Event: "account.unlocked"})
	require.NoError(t, err)
	require.Len(t, page.Records, 1)
	r := page.Records[0]
	require.Equal(t, "tom Actor/mia seen her badge", fmt.Sprint(r.Actor, " ", r.Resource, " ", r.Reason))
}

// SE-01, S20, AU-26: keys of services.
func TestKeys(t *testing.T) {
	d := newDesk(t, memory.New())
	ctx := t.Context()
	host := d.actors.AsHost("keys")
	key, err := host.NewKey(ctx, "ivr")
	require.NoError(t, err)
	ivr, err := d.actors.SignInKey(ctx, authn.KeyFromString(key.Reveal()))
	require.NoError(t, err)
	require.Equal(t, "ivr", ivr.String())
	text := key.Reveal()
	for i := range text {
		forged := text[:i] + string(text[i]^1) + text[i+1:]
		_, err := d.actors.SignInKey(ctx, authn.KeyFromString(forged))
		refused(t, err, authn.ReasonWrong, "one character changed")
	}
	for _, s := range []string{"", ".", "symkey....", text + ".", strings.Repeat("a.", 1<<20)} {
		_, err := d.actors.SignInKey(ctx, authn.KeyFromString(s))
		refused(t, err, authn.ReasonWrong, "garbage")
	}
	_, err = d.actors.SignInKey(ctx, authn.Key{})
	refused(t, err, authn.ReasonWrong, "the zero Key")
	_, err = host.NewKey(ctx, "mia")
	require.ErrorIs(t, err, symbolon.ErrInvalid, "a person has no key")
	second, err := host.NewKey(ctx, "ivr")
	require.NoError(t, err)
	keys, err := host.Keys(ctx, "ivr")
	require.NoError(t, err)
	require.Len(t, keys, 2)
	require.NoError(t, host.RevokeKey(ctx, "ivr", second.ID()), "by its id: the text of a key may be lost")
	keys, err = host.Keys(ctx, "ivr")
	require.NoError(t, err)
	require.Equal(t, []string{key.ID()}, []string{keys[0].ID})
	require.NoError(t, host.RevokeKey(ctx, "ivr", key.ID()))
	_, err = d.actors.SignInKey(ctx, key)
	refused(t, err, authn.ReasonWrong, "a revoked key")
	require.Empty(t, authn.KeyFromString("garbage").ID())
	_, err = d.subjects.Open(ctx, ivr, authn.Call{ID: "c", Channel: "phone", Actor: "mia", Subject: "cust-42"})
	refused(t, err, authn.ReasonOver, "what came in by it before")
}

// S17: a Principal of one engine is nobody to another.
func TestTwoRealmsShareNothing(t *testing.T) {
	store := memory.New()
	one, two := newDesk(t, store), newDesk(t, store)
	one.mia = one.signIn("mia", right) // two has set her password anew
	call, claim := one.claim("call-1")
	_, err := two.subjects.Join(t.Context(), one.mia, call)
	refused(t, err, authn.ReasonNotYours, "Join")
	_, err = two.subjects.Challenge(t.Context(), claim, symbolon.MethodSMS, "sim.change")
	refused(t, err, authn.ReasonNotYours, "Challenge")
	refused(t, two.actors.Touch(t.Context(), one.mia), authn.ReasonNotYours, "Touch")
	refused(t, two.actors.SignOut(t.Context(), symbolon.Principal{}), authn.ReasonNotYours, "nobody")
}

// AU-25, LK-16: while the store is down nobody comes in, and nothing is half done.
func TestTheStoreIsDown(t *testing.T) {
	broken := &switchable{Store: memory.New()}
	d := newDesk(t, broken)
	_, claim := d.claim("call-1")
	ask := d.ask(claim)
	code := d.inbox.last(t).Code.Reveal()
	broken.down.Store(true)
	for name, call := range map[string]func() error{
		"SignIn":  func() error { _, err := d.actors.SignIn(t.Context(), "mia", right); return err },
		"SignOut": func() error { return d.actors.SignOut(t.Context(), d.mia) },
		"Touch":   func() error { return d.actors.Touch(t.Context(), d.mia) },
		"Open": func() error {
			_, err := d.subjects.Open(t.Context(), d.pbx, authn.Call{ID: "c", Channel: "phone", Actor: "mia", Subject: "cust-42"})
			return err
		},
		"Challenge": func() error {
			_, err := d.subjects.Challenge(t.Context(), claim, symbolon.MethodSMS, "sim.change")
			return err
		},
		"Confirm": func() error { _, err := d.subjects.Confirm(t.Context(), claim, ask.ID, code); return err },
	} {
		err := call()
		require.ErrorIs(t, err, symbolon.ErrUnavailable, name)
		require.NotErrorIs(t, err, symbolon.ErrRefused, name)
	}
	broken.down.Store(false)
	_, err := d.subjects.Confirm(t.Context(), claim, ask.ID, code)
	require.NoError(t, err, "it recovers without a restart, and the code was not used up")
}

type switchable struct {
	storage.Store
	down atomic.Bool
}

var errDown = errors.New("connection refused")

func (s *switchable) Get(ctx context.Context, shard string, names ...string) ([]storage.Record, error) {
	if s.down.Load() {
		return nil, errDown
	}
	return s.Store.Get(ctx, shard, names...)
}

func (s *switchable) Commit(ctx context.Context, b storage.Batch) error {
	if s.down.Load() {
		return errDown
	}
	return s.Store.Commit(ctx, b)
}

// PW-26, AU-03: a canary in every secret, looked for in everything that leaves.
func TestSecretsDoNotLeak(t *testing.T) {
	const canary = "canary-canary-canary"
	store := memory.New()
	d := newDesk(t, store)
	ctx := t.Context()
	require.NoError(t, d.actors.AsHost("canary").SetPassword(ctx, "mia", canary))
	d.mia = d.signIn("mia", canary)
	key, err := d.actors.AsHost("canary").NewKey(ctx, "ivr")
	require.NoError(t, err)
	dev := d.remember(d.mia)
	_, claim := d.claim("call-1")
	ask := d.ask(claim)
	m := d.inbox.last(t)
	_, wrong := d.actors.SignIn(ctx, "mia", canary+"?")
	_, short := d.actors.SignIn(ctx, "mia", "\xff"+canary)
	both, err := d.subjects.Confirm(ctx, claim, ask.ID, m.Code.Reveal())
	require.NoError(t, err)

	var out strings.Builder
	logger := slog.New(slog.NewJSONHandler(&out, nil))
	for _, v := range []any{d.realm, d.actors, d.subjects, d.mia, both, ask, m, &m, key, &key, dev, &dev, wrong, short, testSecret(t),
		struct{ in any }{key}, struct{ m authn.Message }{m}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %q\n", v, v, v, v, v)
		logger.Info("x", "v", v)
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
	}
	page, err := d.log.List(ctx, audit.Query{})
	require.NoError(t, err)
	fmt.Fprintf(&out, "%+v", page)
	for i := range 64 {
		recs, err := store.Scan(ctx, fmt.Sprintf("acme/%02x", i), "", "", 100)
		require.NoError(t, err)
		for _, r := range recs {
			fmt.Fprintf(&out, "%s %s\n", r.Name, r.Value)
		}
	}
	secret := strings.Split(key.Reveal(), ".")[3]
	for _, s := range []string{canary, m.Code.Reveal(), secret, dev.Reveal(), "0123456789abcdef0123456789abcdef"} {
		require.NotContains(t, out.String(), s)
	}
}

func TestAuthntestMakesALivePrincipal(t *testing.T) {
	d := newDesk(t, memory.New())
	p := authntest.Principal(t, d.realm, authntest.Who{Actor: "mia", Subject: "cust-42", SubjectMethods: []symbolon.Method{symbolon.MethodSMS}})
	require.Equal(t, "mia for cust-42", p.String())
	require.NoError(t, d.actors.Touch(t.Context(), p))
	require.NoError(t, d.actors.SignOut(t.Context(), p))
	refused(t, d.actors.Touch(t.Context(), p), authn.ReasonOver, "its session is a session like any other")

	claim := authntest.Principal(t, d.realm, authntest.Who{Actor: "mia", Subject: "cust-42"})
	_, err := d.subjects.Challenge(t.Context(), claim, symbolon.MethodSMS, "sim.change")
	require.NoError(t, err, "and its interaction an interaction")
}

// AZ-09, S20: two tenants in one store have the same ids and never meet.
func TestTenantsInOneStore(t *testing.T) {
	store := memory.New()
	var desks []*authn.Actors
	for _, tenant := range []string{"acme", "acme/00", "acme%2f00"} {
		r, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: tenant, Store: store, Secret: testSecret(t), Actors: people, Subjects: customers}, nil)
		require.NoError(t, err)
		a, err := authn.NewActors(r, &authn.ActorsOptions{Hasher: testHasher(t)})
		require.NoError(t, err)
		require.NoError(t, a.AsHost("test").SetPassword(t.Context(), "mia", right+" of "+tenant))
		desks = append(desks, a)
	}
	key, err := desks[0].AsHost("test").NewKey(t.Context(), "pbx")
	require.NoError(t, err)
	for i, a := range desks {
		_, err := a.SignIn(t.Context(), "mia", right+" of acme")
		require.Equal(t, i == 0, err == nil, "a password of another tenant")
		_, err = a.SignInKey(t.Context(), key)
		require.Equal(t, i == 0, err == nil, "a key of another tenant")
	}
}

// AN-47, PW-16: each refusal costs one hash, seen in the 19 MiB that one takes rather than in its time.
func TestEveryRefusalCostsOneHash(t *testing.T) {
	d := newDesk(t, memory.New())
	hasher, err := password.NewHasher(nil)
	require.NoError(t, err)
	d.actors, err = authn.NewActors(d.realm, &authn.ActorsOptions{Hasher: hasher})
	require.NoError(t, err)
	require.NoError(t, d.actors.AsHost("test").SetPassword(t.Context(), "mia", right))
	cost := func(login, pw string) float64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := d.actors.SignIn(t.Context(), login, pw)
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, authn.ErrRefused)
		return float64(after.TotalAlloc-before.TotalAlloc) / (19 << 20)
	}
	for range 5 {
		require.InDelta(t, 1, cost("mia", "wrong"), 0.2, "wrong")
	}
	require.InDelta(t, 1, cost("mia", "wrong"), 0.2, "locked")
	require.InDelta(t, 1, cost("mia", right), 0.2, "locked, with the right password")
	require.InDelta(t, 1, cost("nobody", "wrong"), 0.2, "unknown")
	require.InDelta(t, 1, cost("mia2", "wrong"), 0.2, "an employee without a password")
	require.InDelta(t, 1, cost("pbx", "wrong"), 0.2, "a service")
}
