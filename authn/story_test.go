package authn_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

const right = "correct horse battery staple"

// desk is a contact centre with one employee on the phone and one customer.
type desk struct {
	t        testing.TB
	realm    *symbolon.Realm
	actors   *authn.Actors
	subjects *authn.Subjects
	log      *audit.Log
	pbx, mia symbolon.Principal
	inbox    *inbox
}

// inbox is the customers' telephones.
type inbox struct {
	mu   sync.Mutex
	got  []authn.Message
	down bool
}

func (i *inbox) Send(_ context.Context, m authn.Message) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		return errors.New("no route to the telephone")
	}
	i.got = append(i.got, m)
	return nil
}

func (i *inbox) last(t testing.TB) authn.Message {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	require.NotEmpty(t, i.got, "no code was sent")
	return i.got[len(i.got)-1]
}

// wait returns when the message of a challenge has arrived.
func (i *inbox) wait(t testing.TB, id string) {
	t.Helper()
	for range 1000 {
		i.mu.Lock()
		arrived := i.down || slices.ContainsFunc(i.got, func(m authn.Message) bool { return m.ID == id })
		i.mu.Unlock()
		if arrived {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("no code was sent")
}

var people = symbolon.ActorMap{
	"mia":  {Roles: []string{"care"}},
	"tom":  {Roles: []string{"care"}},
	"mia2": {Person: "actor/mia"},
	"gone": {Disabled: true},
	"pbx":  {Kind: symbolon.Service},
	"ivr":  {Kind: symbolon.Service},
}

var customers = func() symbolon.SubjectMap {
	m := symbolon.SubjectMap{"cust-42": {Account: "acct-42"}, "cust-43": {Account: "acct-43"}}
	for i := range 40 {
		m[symbolon.SubjectID(fmt.Sprint("c", i))] = symbolon.Subject{Account: "acct"}
	}
	return m
}()

func testSecret(t testing.TB) symbolon.Secret {
	t.Helper()
	s, err := symbolon.NewSecret("test", []byte("0123456789abcdef0123456789abcdef"))
	require.NoError(t, err)
	return s
}

func testRealm(t testing.TB, store storage.Store) *symbolon.Realm {
	t.Helper()
	r, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: store, Secret: testSecret(t), Actors: people, Subjects: customers}, nil)
	require.NoError(t, err)
	return r
}

func testHasher(t testing.TB) *password.Hasher {
	t.Helper()
	h, err := password.NewHasher(&password.Options{InsecureTestCost: true})
	require.NoError(t, err)
	return h
}

func newDesk(t testing.TB, store storage.Store) *desk {
	t.Helper()
	ctx := context.Background()
	d := &desk{t: t, realm: testRealm(t, store), inbox: &inbox{}}
	var err error
	d.actors, err = authn.NewActors(d.realm, &authn.ActorsOptions{Hasher: testHasher(t)})
	require.NoError(t, err)
	d.subjects, err = authn.NewSubjects(d.actors, d.inbox, nil)
	require.NoError(t, err)
	d.log, err = audit.NewLog(d.realm)
	require.NoError(t, err)
	host := d.actors.AsHost("test set-up")
	require.NoError(t, host.SetPassword(ctx, "mia", right))
	require.NoError(t, host.SetPassword(ctx, "tom", right+" of tom"))
	d.pbx = d.telephony()
	d.mia = d.signIn("mia", right)
	return d
}

// telephony signs in by a key of its own.
func (d *desk) telephony() symbolon.Principal {
	d.t.Helper()
	key, err := d.actors.AsHost("test set-up").NewKey(context.Background(), "pbx")
	require.NoError(d.t, err)
	pbx, err := d.actors.SignInKey(context.Background(), key)
	require.NoError(d.t, err)
	return pbx
}

func (d *desk) signIn(login, pw string) symbolon.Principal {
	d.t.Helper()
	p, err := d.actors.SignIn(d.t.Context(), login, pw)
	require.NoError(d.t, err)
	return p
}

func (d *desk) call(id string) symbolon.InteractionID {
	d.t.Helper()
	i, err := d.subjects.Open(d.t.Context(), d.pbx, authn.Call{ID: id, Channel: "phone", Actor: "mia", Subject: "cust-42"})
	require.NoError(d.t, err)
	return i
}

// claim opens a call to mia and joins it.
func (d *desk) claim(id string) (symbolon.InteractionID, symbolon.Principal) {
	d.t.Helper()
	i := d.call(id)
	p, err := d.subjects.Join(d.t.Context(), d.mia, i)
	require.NoError(d.t, err)
	return i, p
}

func (d *desk) ask(claim symbolon.Principal) authn.Challenge {
	d.t.Helper()
	c, err := d.subjects.Challenge(d.t.Context(), claim, symbolon.MethodSMS, "sim.change")
	require.NoError(d.t, err)
	d.inbox.wait(d.t, c.ID)
	return c
}

// refused holds an error to be the one outward refusal, for this reason.
func refused(t testing.TB, err error, want authn.Reason, because string) {
	t.Helper()
	require.ErrorIs(t, err, authn.ErrRefused, because)
	require.ErrorIs(t, err, symbolon.ErrRefused, because)
	require.Equal(t, authn.ErrRefused.Error(), err.Error(), "every refusal has the same text: "+because)
	var r *authn.Refusal
	require.ErrorAs(t, err, &r)
	require.Equal(t, want, r.Reason, because)
}

func (d *desk) events(q audit.Query) []string {
	d.t.Helper()
	page, err := d.log.List(d.t.Context(), q)
	require.NoError(d.t, err)
	var s []string
	for _, r := range page.Records {
		s = append(s, fmt.Sprintf("%s %s", r.Event, r.Outcome))
	}
	return s
}

// AN-03, AN-04, AN-20, AU-01, SE-14: from the sign-in to the end of the call.
func TestACallFromRingToHangUp(t *testing.T) {
	d := newDesk(t, memory.New())
	call, claim := d.claim("call-1")
	require.Equal(t, "mia with cust-42, not proved", claim.String())
	_, proved := claim.Subject()
	require.False(t, proved, "joining proves nothing")

	ask := d.ask(claim)
	m := d.inbox.last(t)
	require.Equal(t, symbolon.SubjectID("cust-42"), m.Subject)
	require.Contains(t, m.Text(), "sim.change", "the customer is told what the code is for (S15)")

	both, err := d.subjects.Confirm(t.Context(), claim, ask.ID, m.Code.Reveal())
	require.NoError(t, err)
	require.Equal(t, "mia for cust-42", both.String())
	require.Equal(t, []symbolon.Method{"pwd"}, both.ActorVerification().Methods(), "TK-40: the customer's code is not the employee's")
	require.Equal(t, []symbolon.Method{"sms"}, both.SubjectVerification().Methods())
	require.Equal(t, "sim.change", both.SubjectVerification().Proofs[0].For)

	_, err = d.subjects.Confirm(t.Context(), claim, ask.ID, m.Code.Reveal())
	refused(t, err, authn.ReasonWrong, "a code works once")

	require.NoError(t, d.subjects.End(t.Context(), d.pbx, call))
	_, err = d.subjects.Join(t.Context(), d.mia, call)
	refused(t, err, authn.ReasonOver, "the call is over")
	_, err = d.subjects.Challenge(t.Context(), both, symbolon.MethodSMS, "sim.change")
	refused(t, err, authn.ReasonOver, "what was proved in it ended with it")

	require.Equal(t, []string{"interaction.opened succeeded", "challenge.sent succeeded", "challenge.answered succeeded",
		"challenge.answered failed", "interaction.ended succeeded"}, d.events(audit.Query{Interaction: call}))
}

// LK-08, LK-09, PW-22: the timeline of C14, on a real clock that is not waited for.
func TestFiveWrongPasswordsLockForHalfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New())
		ctx := t.Context()
		for range 5 {
			_, err := d.actors.SignIn(ctx, "mia", "wrong")
			refused(t, err, authn.ReasonWrong, "a guess")
		}
		_, err := d.actors.SignIn(ctx, "mia", right)
		refused(t, err, authn.ReasonLocked, "even the right one")
		time.Sleep(10 * time.Minute)
		_, err = d.actors.SignIn(ctx, "mia", right)
		refused(t, err, authn.ReasonLocked, "the right one does not open it")
		time.Sleep(20*time.Minute - time.Second)
		_, err = d.actors.SignIn(ctx, "mia", right)
		refused(t, err, authn.ReasonLocked, "29:59 after the fifth")
		time.Sleep(time.Second)
		_, err = d.actors.SignIn(ctx, "mia", right)
		require.NoError(t, err, "30:00 after the fifth; nothing extended it")
		require.Contains(t, d.events(audit.Query{Actor: "mia"}), "account.locked succeeded")
	})
}

// S3: the lease answers a telephony system that died, or an end event that was dropped.
func TestSilenceEndsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New())
		call, claim := d.claim("call-1")
		for range 10 {
			time.Sleep(20 * time.Second)
			require.NoError(t, d.subjects.Renew(t.Context(), d.pbx, call))
		}
		ask := d.ask(claim)
		time.Sleep(30 * time.Second)
		_, err := d.subjects.Confirm(t.Context(), claim, ask.ID, d.inbox.last(t).Code.Reveal())
		refused(t, err, authn.ReasonOver, "nobody renewed the lease")
		refused(t, d.subjects.Renew(t.Context(), d.pbx, call), authn.ReasonOver, "what has run out stays out")
		_, err = d.subjects.Open(t.Context(), d.pbx, authn.Call{ID: "call-1", Channel: "phone", Actor: "mia", Subject: "cust-42"})
		refused(t, err, authn.ReasonUsed, "a call id opens one interaction")
	})
}

// SE-03, SE-04: activity moves the idle end, never the absolute one.
func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New())
		began := time.Now()
		for time.Since(began) < 11*time.Hour+50*time.Minute {
			time.Sleep(10 * time.Minute)
			require.NoError(t, d.actors.Touch(t.Context(), d.mia), "after %v", time.Since(began))
		}
		time.Sleep(10 * time.Minute)
		refused(t, d.actors.Touch(t.Context(), d.mia), authn.ReasonOver, "12 hours are over")

		d.mia = d.signIn("mia", right)
		time.Sleep(15 * time.Minute)
		refused(t, d.actors.Touch(t.Context(), d.mia), authn.ReasonOver, "15 minutes of silence")
	})
}

// SE-07, SE-08, TK-39: what ended an employee's session also ended what came of it.
func TestWhatEndsASession(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*desk) error
	}{
		{"sign-out", func(d *desk) error { return d.actors.SignOut(d.t.Context(), d.mia) }},
		{"the host", func(d *desk) error { return d.actors.AsHost("lost her badge").EndSessions(d.t.Context(), "mia") }},
		{"a new password", func(d *desk) error {
			return d.actors.AsHost("reset").SetPassword(d.t.Context(), "mia", right+" anew")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, memory.New())
			_, claim := d.claim("call-1")
			require.NoError(t, c.end(d))
			refused(t, d.actors.Touch(t.Context(), d.mia), authn.ReasonOver, "the session")
			_, err := d.subjects.Challenge(t.Context(), claim, symbolon.MethodSMS, "sim.change")
			refused(t, err, authn.ReasonOver, "the claim made in it")
		})
	}
}

func isRefused(err error) bool {
	return errors.Is(err, authn.ErrRefused) || errors.Is(err, authn.ErrBusy)
}
