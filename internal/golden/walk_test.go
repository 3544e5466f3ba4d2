package golden_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/policy"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/backup"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/sealed"
)

// hands are what people, services and screens hold when the walk ends, outside of
// the store.
type hands struct {
	Now       time.Time              `json:"now"`
	Temporary string                 `json:"temporary,omitempty"` // eve's password
	Key       string                 `json:"key"`                 // of the exchange
	Session   string                 `json:"session"`             // mia's token
	Both      string                 `json:"both"`                // mia's, for cust-42
	Call      symbolon.InteractionID `json:"call"`                // of call-1
	Challenge string                 `json:"challenge"`           // that is open in it
	Code      string                 `json:"code"`
	Locked    string                 `json:"locked"` // a challenge of the customer who is locked
	LockedIn  symbolon.InteractionID `json:"locked_in"`
	LockCode  string                 `json:"lock_code"` // which is right
	Ended     symbolon.InteractionID `json:"ended"`     // of call-3
	Decision  string                 `json:"decision"`  // under which somebody acts
	Proposal  string                 `json:"proposal"`  // that waits
}

// The call that is opened first, and by which a repeated Open is known.
var firstCall = authn.Call{ID: "call-1", Channel: "phone", Actor: "mia", Subject: "cust-42"}

var simChange = authz.Request{Action: "sim.change", Resource: authz.Resource{Type: "Line", ID: "+15550100", Account: "acct-42"}, Purpose: "care"}

// bare is a key service that keeps nothing secret: sealed values come out the
// same each time, but for what the store draws.
type bare struct{}

func (bare) Wrap(_ context.Context, keyID string, plain []byte) ([]byte, error) {
	return append([]byte(keyID+"\n"), plain...), nil
}

func (bare) Unwrap(_ context.Context, keyID string, wrapped []byte) ([]byte, error) {
	plain, ok := bytes.CutPrefix(wrapped, []byte(keyID+"\n"))
	if !ok {
		return nil, errShut
	}
	return plain, nil
}

const (
	vault      = "vault/00" // a shard of another tenant, whose records are sealed
	vaultName  = "org/vault"
	vaultValue = `{"v":1,"org":"vault"}`
	backupKey  = "32 random bytes, kept elsewhere!"
)

// walk leaves a record of every kind behind. It takes less than half a minute by
// its own clock, so that at its end codes, leases and grants still live. Add steps
// before the clock, so that the records of those before stay as they are.
func walk(t *testing.T) (w *world, h hands, file []byte) {
	w = newWorld(t, memory.New())
	ctx, at := t.Context(), time.Duration(0)
	step := func(name string) { w.step(name, at); at += 400 * time.Millisecond }
	done := func(err error) { t.Helper(); require.NoError(t, err) }
	w.post.shut = true

	step("tree")
	_, err := w.tree.AsHost("set-up").Change(ctx,
		policy.Add("owner", "", policy.Settings{policy.PasswordExpiry: policy.Days(60), policy.PasswordHistory: policy.Count(2)}),
		policy.Add("shop", "owner", policy.Settings{policy.SessionConcurrent: policy.Count(3)}))
	done(err)

	host := w.actors.AsHost("set-up")
	for _, id := range []symbolon.ActorID{"mia", "tom", "dora", "olga", "omar"} {
		step("password of " + string(id))
		done(host.SetPassword(ctx, id, passwordOf(id)+" of yesterday"))
	}
	for _, id := range []symbolon.ActorID{"mia", "tom", "dora", "olga", "omar"} {
		step("new password of " + string(id))
		done(host.SetPassword(ctx, id, passwordOf(id)))
	}
	step("password of eve")
	done(host.ResetPassword(ctx, "eve"))
	h.Temporary = w.post.notice(t, func(n authn.Notice) bool { return n.Event == "password.reset" }).Password.Reveal()
	step("key")
	key, err := host.NewKey(ctx, "pbx")
	done(err)
	h.Key = key.Reveal()

	step("sign-in of mia")
	mia, err := w.actors.SignIn(ctx, "mia", passwordOf("mia"))
	done(err)
	step("token of mia")
	raw, err := w.tokens.Issue(ctx, mia)
	done(err)
	h.Session = raw.Reveal()
	step("sign-in of olga")
	olga, err := w.actors.SignIn(ctx, "olga", passwordOf("olga"))
	done(err)
	step("sign-in and -out of omar")
	omar, err := w.actors.SignIn(ctx, "omar", passwordOf("omar"))
	done(err)
	done(w.actors.SignOut(ctx, omar))
	step("second sign-in of mia")
	_, err = w.actors.SignIn(ctx, "mia", passwordOf("mia"))
	done(err)

	for _, login := range []string{"tom", "dora", "nobody", "omar"} {
		for n := range 5 {
			if login == "omar" && n == 4 { // is not locked yet
				break
			}
			step(fmt.Sprint("wrong password ", n+1, " of ", login))
			_, err := w.actors.SignIn(ctx, login, "wrong")
			require.ErrorIs(t, err, authn.ErrRefused)
		}
	}
	step("unlock of dora")
	done(w.actors.Unlock(ctx, olga, "dora", "ticket 7"))
	step("password of dora is known to others")
	done(host.RevokePassword(ctx, "dora"))

	step("proposal")
	p, err := w.tree.Change(ctx, olga, "too many calls", policy.Set("owner", policy.Settings{policy.PasswordExpiry: policy.Days(90)}))
	done(err)
	require.False(t, p.Done)
	h.Proposal = p.ID

	step("sign-in of the exchange")
	pbx, err := w.actors.SignInKey(ctx, key)
	done(err)
	open := func(c authn.Call) (symbolon.InteractionID, symbolon.Principal) {
		t.Helper()
		step("open " + c.ID)
		id, err := w.subjects.Open(ctx, pbx, c)
		done(err)
		step("join " + c.ID)
		claim, err := w.subjects.Join(ctx, mia, id)
		done(err)
		return id, claim
	}
	ask := func(claim symbolon.Principal, m symbolon.Method, operation string) (id, code string) {
		t.Helper()
		step("challenge for " + operation)
		c, err := w.subjects.Challenge(ctx, claim, m, operation)
		done(err)
		return c.ID, w.post.message(t, func(m authn.Message) bool { return m.ID == c.ID }).Code.Reveal()
	}

	third := authn.Call{ID: "call-3", Channel: "chat", Actor: "mia", Subject: "cust-42"}
	h.Ended, _ = open(third)
	step("end call-3")
	done(w.subjects.End(ctx, pbx, h.Ended))

	call, claim := open(authn.Call{ID: "call-2", Channel: "phone", Actor: "mia", Subject: "cust-43"})
	h.LockedIn = call
	h.Locked, h.LockCode = ask(claim, symbolon.MethodSMS, "plan.change")
	for n := range 5 {
		step(fmt.Sprint("wrong code ", n+1))
		_, err = w.subjects.Confirm(ctx, claim, h.Locked, "wrong")
		require.ErrorIs(t, err, authn.ErrRefused)
	}

	h.Call, claim = open(firstCall)
	challenge, code := ask(claim, symbolon.MethodSMS, "sim.change")
	step("confirm")
	both, err := w.subjects.Confirm(ctx, claim, challenge, code)
	done(err)
	step("token of both")
	raw, err = w.tokens.Issue(ctx, both)
	done(err)
	h.Both = raw.Reveal()
	h.Challenge, h.Code = ask(claim, symbolon.MethodCall, "number.port")

	for _, acted := range []bool{true, false} {
		step(map[bool]string{true: "act", false: "act without an end"}[acted])
		grant, err := w.guard.Authorize(ctx, both, simChange)
		done(err)
		effect, err := w.guard.Begin(ctx, grant, "sim.change", nil)
		done(err)
		if h.Decision = grant.Decision(); acted {
			done(effect.End(ctx, audit.Succeeded, map[string]string{"order": "4711"}))
		}
	}
	step("denied")
	_, err = w.guard.Authorize(ctx, claim, simChange)
	require.ErrorIs(t, err, authz.ErrDenied)

	step("clock")
	done(storage.WatchClock(w.store, w.now, w).Check(ctx))
	step("sealed")
	safe, err := sealed.New(w.store, bare{}, &sealed.Options{Now: w.now, Rand: w})
	done(err)
	v, err := storage.NewVersion(w)
	done(err)
	done(safe.Commit(ctx, storage.Batch{Shard: vault, Now: w.now(), Ops: []storage.Op{
		{Act: storage.Put, Name: vaultName, Cond: storage.Absent, Value: []byte(vaultValue), Version: v}}}))

	step("backup")
	var out bytes.Buffer
	_, err = backup.Export(ctx, &out, w.store, []string{tenant}, []byte(backupKey), &backup.Options{Now: w.now, Rand: w})
	done(err)

	h.Now = w.now()
	require.Less(t, h.Now.Sub(start), 30*time.Second, "leases run out")
	return w, h, out.Bytes()
}
