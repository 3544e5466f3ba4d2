package authn_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/internal/table"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// mailbox is where employees' notices arrive.
type mailbox struct {
	mu  sync.Mutex
	got []authn.Notice
}

func (m *mailbox) Notify(_ context.Context, n authn.Notice) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got = append(m.got, n)
	return nil
}

func (m *mailbox) events() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var s []string
	for _, n := range m.got {
		s = append(s, string(n.Actor)+string(n.Subject)+" "+n.Event)
	}
	return strings.Join(s, ", ")
}

// bcrypted is the password of mia as another system kept it, at the cheapest cost.
const bcrypted = "$2a$04$0gbfpUjYXauFo3xGB0NaCueRmqblQWHJH23sKIlEW4sIjIkKKUkhe"

// newOffice is a desk whose employees get notices and whose passwords grow old.
func newOffice(t testing.TB, rules password.Policy) (*desk, *mailbox) {
	t.Helper()
	d, mail := newDesk(t, memory.New()), &mailbox{}
	var err error
	d.actors, err = authn.NewActors(d.realm, &authn.ActorsOptions{Hasher: testHasher(t), Rules: rules, Notifier: mail,
		Words: func(a symbolon.Actor) []string { return []string{string(a.ID), "Symbolon Telecom"} }})
	require.NoError(t, err)
	return d, mail
}

// B5, PW-06, PW-20: the states of a password, over ninety days.
func TestAPasswordGrowsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := password.Default()
		rules.Expiry, rules.Notice = 90*24*time.Hour, 14*24*time.Hour
		d, mail := newOffice(t, rules)
		ctx := t.Context()
		status := func() string {
			s, err := d.actors.PasswordStatus(ctx, d.signIn("mia", right))
			require.NoError(t, err)
			return s.Result.String()
		}
		require.Equal(t, "accepted", status())
		time.Sleep(75 * 24 * time.Hour)
		require.Equal(t, "accepted", status(), "15 days are left")
		time.Sleep(2 * 24 * time.Hour)
		require.Equal(t, "expiring", status(), "13 days are left")
		time.Sleep(13 * 24 * time.Hour)
		_, err := d.actors.SignIn(ctx, "mia", right)
		refused(t, err, authn.ReasonChange, "90 days are over")
		_, err = d.actors.SignIn(ctx, "mia", "wrong")
		refused(t, err, authn.ReasonWrong, "and whoever guesses learns nothing of it")
		require.NoError(t, d.actors.ChangePassword(ctx, "mia", right, right+" of spring"))
		d.signIn("mia", right+" of spring")
		synctest.Wait()
		require.NoError(t, d.actors.AsHost("found on a forum").RevokePassword(ctx, "mia"))
		synctest.Wait()
		require.Equal(t, "mia signin.absent, mia password.changed, mia password.revoked", mail.events(), "PW-25: the owner is told of each")
		_, err = d.actors.SignIn(ctx, "mia", right+" of spring")
		refused(t, err, authn.ReasonRevoked, "others may know it")
		refused(t, d.actors.ChangePassword(ctx, "mia", right+" of spring", right+" of summer"), authn.ReasonRevoked, "so it changes nothing either")
	})
}

// PW-11, PW-25, TK-55: a change needs the present password, ends every session and tells the owner.
func TestChangingAPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, mail := newOffice(t, password.Policy{})
		ctx := t.Context()
		mia := d.signIn("mia", right)
		refused(t, d.actors.ChangePassword(ctx, "mia", "a guess", right+" anew"), authn.ReasonWrong, "the present one is needed")
		refused(t, d.actors.ChangePassword(ctx, "nobody", "a guess", right+" anew"), authn.ReasonUnknown, "looks the same")

		err := d.actors.ChangePassword(ctx, "mia", right, "symbolon-telecom")
		require.ErrorIs(t, err, symbolon.ErrInvalid)
		var broken password.Violations
		require.ErrorAs(t, err, &broken, "PW-07: every broken rule, with advice")
		require.NoError(t, d.actors.Touch(ctx, mia), "nothing was changed")

		require.NoError(t, d.actors.ChangePassword(ctx, "mia", right, right+" anew"))
		synctest.Wait()
		require.Equal(t, "mia password.changed", mail.events())
		refused(t, d.actors.Touch(ctx, mia), authn.ReasonOver, "the sessions of before")
		_, err = d.actors.SignIn(ctx, "mia", right)
		refused(t, err, authn.ReasonWrong, "the former password")
		d.signIn("mia", right+" anew")
		for range 4 {
			refused(t, d.actors.ChangePassword(ctx, "mia", "a guess", right), authn.ReasonWrong, "a guess")
		}
		_, err = d.actors.SignIn(ctx, "mia", "a guess")
		refused(t, err, authn.ReasonWrong, "the fifth, at another door")
		refused(t, d.actors.ChangePassword(ctx, "mia", right+" anew", right), authn.ReasonLocked, "AN-11: one count for all doors")
		synctest.Wait()
		require.Equal(t, "mia password.changed, mia account.locked", mail.events())
	})
}

// B9, AN-37, AN-48, PW-22: nobody but the owner sees a temporary password, and it opens nothing but its own change.
func TestResettingAPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, mail := newOffice(t, password.Policy{})
		ctx := t.Context()
		tom := d.signIn("tom", right+" of tom")
		refused(t, d.actors.ResetPassword(ctx, tom, "tom", "forgot"), authn.ReasonNotYours, "one's own")
		refused(t, d.actors.ResetPassword(ctx, d.pbx, "mia", "forgot"), authn.ReasonNotYours, "a machine")
		require.NoError(t, d.actors.ResetPassword(ctx, tom, "mia", "forgot, seen at the desk"))
		synctest.Wait()
		require.Equal(t, "mia password.reset", mail.events())
		temporary := mail.got[0].Password.Reveal()
		_, err := d.actors.SignIn(ctx, "mia", right)
		refused(t, err, authn.ReasonWrong, "the former one")
		_, err = d.actors.SignIn(ctx, "mia", temporary)
		refused(t, err, authn.ReasonChange, "it lets nobody in")
		require.NoError(t, d.actors.ChangePassword(ctx, "mia", temporary, right+" anew"))
		refused(t, d.actors.ChangePassword(ctx, "mia", temporary, right+" again"), authn.ReasonWrong, "and works once")
		d.signIn("mia", right+" anew")

		page, err := d.log.List(ctx, audit.Query{Event: "password.reset"})
		require.NoError(t, err)
		require.Len(t, page.Records, 1)
		require.Equal(t, symbolon.ActorID("tom"), page.Records[0].Actor)
		require.Equal(t, "Actor/mia", page.Records[0].Resource)
	})
	d := newDesk(t, memory.New())
	require.ErrorContains(t, d.actors.AsHost("reset").ResetPassword(t.Context(), "mia"), "Notifier")
}

// C9, PW-18: a reset does not bring the former password back.
func TestAResetKeepsTheHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := password.Default()
		rules.History = 1
		d, mail := newOffice(t, rules)
		require.NoError(t, d.actors.ResetPassword(t.Context(), d.signIn("tom", right+" of tom"), "mia", "forgot"))
		synctest.Wait()
		temporary := mail.got[0].Password.Reveal()
		require.ErrorIs(t, d.actors.ChangePassword(t.Context(), "mia", temporary, right), symbolon.ErrInvalid, "the one before the reset")
		require.ErrorIs(t, d.actors.ChangePassword(t.Context(), "mia", temporary, temporary), symbolon.ErrInvalid, "nor the temporary one")
		require.NoError(t, d.actors.ChangePassword(t.Context(), "mia", temporary, right+" anew"))
	})
}

// PW-14: a foreign hash still verifies, and is hashed as new ones are at the first success, once.
func TestAForeignHashIsUpgraded(t *testing.T) {
	store := memory.New()
	d := newDesk(t, store)
	ctx := t.Context()
	require.NoError(t, d.actors.AsHost("migration").Import(ctx, "mia", bcrypted))
	stored := func() string {
		recs, err := store.Get(ctx, "acme/"+table.ShardOf("actor", "mia").String(), "actor/mia/password")
		require.NoError(t, err)
		return string(recs[0].Value)
	}
	require.Contains(t, stored(), "$2")
	_, err := d.actors.SignIn(ctx, "mia", "wrong")
	refused(t, err, authn.ReasonWrong, "bcrypt says no")
	require.Contains(t, stored(), "$2", "a failure upgrades nothing")
	d.signIn("mia", right)
	require.Contains(t, stored(), "$argon2id$")
	before := stored()
	d.signIn("mia", right)
	require.Equal(t, before, stored())
}

// bylogin is a directory in which people sign in with something else than their id.
type bylogin struct {
	symbolon.ActorMap
	logins map[string]symbolon.ActorID
}

func (b bylogin) ActorByLogin(ctx context.Context, login string) (symbolon.Actor, error) {
	return b.Actor(ctx, b.logins[login])
}

// PW-08: no password is made of what everybody knows of its owner, with no option set.
func TestNobodysPasswordIsTheirName(t *testing.T) {
	r, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: memory.New(), Secret: testSecret(t), Subjects: customers,
		Actors: bylogin{symbolon.ActorMap{"e-4711-208364": {Person: "person-83621764", Org: "northwindtraders", Orgs: []symbolon.OrgID{"hinterlandmobile"},
			Attributes: symbolon.Attributes{
				"name":   symbolon.StringValue("Wilhelmina Oesterreicher"),
				"phones": symbolon.StringsValue("+49 170 5550199"),
			}}}, map[string]symbolon.ActorID{"mina.kaltenbrunner@example.com": "e-4711-208364"}}}, nil)
	require.NoError(t, err)
	actors, err := authn.NewActors(r, &authn.ActorsOptions{Hasher: testHasher(t)})
	require.NoError(t, err)
	require.NoError(t, actors.AsHost("test").SetPassword(t.Context(), "e-4711-208364", right))
	for _, c := range []struct{ because, pw string }{
		{"the login, as it was typed", "kaltenbrunner-2026"},
		{"her id", "4711208364471120"},
		{"her person", "person83621764!!"},
		{"her organisation", "NorthwindTraders!!"},
		{"a further one", "h1nterl4ndM0bile"},
		{"her name, backwards", "rehcierretseo-1999"},
		{"her telephone number", "0170 5550199 ....."},
	} {
		err := actors.ChangePassword(t.Context(), "mina.kaltenbrunner@example.com", right, c.pw)
		var broken password.Violations
		require.ErrorAs(t, err, &broken, c.because)
		require.Equal(t, password.RuleObvious, broken[0].Rule, c.because)
	}
	require.NoError(t, actors.ChangePassword(t.Context(), "mina.kaltenbrunner@example.com", right, right+" kaltenbrunner"), "as part of much else")
}

// PW-18: a migration that is made again does not make people's former passwords new.
func TestAnImportKeepsTheHistory(t *testing.T) {
	rules := password.Default()
	rules.History = 3
	d, _ := newOffice(t, rules)
	ctx, host := t.Context(), d.actors.AsHost("migration")
	require.NoError(t, d.actors.ChangePassword(ctx, "mia", right, right+" of spring"))
	require.NoError(t, host.Import(ctx, "mia", bcrypted))
	require.NoError(t, host.Import(ctx, "mia", bcrypted), "twice")
	require.ErrorIs(t, d.actors.ChangePassword(ctx, "mia", right, right+" of spring"), symbolon.ErrInvalid, "the one before the import")
	require.NoError(t, d.actors.ChangePassword(ctx, "mia", right, right+" of summer"))
	require.ErrorIs(t, d.actors.ChangePassword(ctx, "mia", right+" of summer", right), symbolon.ErrInvalid, "the imported one")
}

// during is a Source that does something the first time that it is asked.
type during struct{ do func() }

func (d *during) Listed(context.Context, string) (bool, error) {
	do := d.do
	d.do = func() {}
	do()
	return false, nil
}

// PW-18: whoever replaces a password while the host computes another, does not fall out of the history.
func TestAPasswordReplacedWhileAnotherIsComputed(t *testing.T) {
	rules := password.Default()
	rules.History = 3
	d := newDesk(t, memory.New())
	meanwhile := &during{do: func() {}}
	var err error
	d.actors, err = authn.NewActors(d.realm, &authn.ActorsOptions{Hasher: testHasher(t), Rules: rules, Sources: []password.Source{meanwhile}})
	require.NoError(t, err)
	ctx := t.Context()
	meanwhile.do = func() { require.NoError(t, d.actors.ChangePassword(ctx, "mia", right, right+" of spring")) }
	require.NoError(t, d.actors.AsHost("test").SetPassword(ctx, "mia", right+" of summer"))
	for _, former := range []string{right, right + " of spring"} {
		require.ErrorIs(t, d.actors.ChangePassword(ctx, "mia", right+" of summer", former), symbolon.ErrInvalid, former)
	}
}

// S25, PW-15: with a pepper, a hash that was copied to another account opens nothing there.
func TestACopiedHashOpensNothing(t *testing.T) {
	store := memory.New()
	d := newDesk(t, store)
	hasher, err := password.NewHasher(&password.Options{InsecureTestCost: true,
		Pepper: password.Pepper{Current: 1, Keys: map[int]password.Key{1: []byte("0123456789abcdef0123456789abcdef")}}})
	require.NoError(t, err)
	d.actors, err = authn.NewActors(d.realm, &authn.ActorsOptions{Hasher: hasher})
	require.NoError(t, err)
	ctx, host := t.Context(), d.actors.AsHost("test")
	require.NoError(t, host.SetPassword(ctx, "mia", right))
	require.NoError(t, host.SetPassword(ctx, "tom", "a password of the thief"))
	d.signIn("mia", right)
	at := func(id string) (shard, name string) {
		return "acme/" + table.ShardOf("actor", id).String(), "actor/" + id + "/password"
	}
	shard, name := at("tom")
	recs, err := store.Get(ctx, shard, name)
	require.NoError(t, err)
	shard, name = at("mia")
	require.NoError(t, store.Commit(ctx, storage.Batch{Shard: shard, Now: time.Now(), Ops: []storage.Op{
		{Act: storage.Put, Name: name, Cond: storage.Any, Value: recs[0].Value, Version: storage.Version{1}}}}))
	_, err = d.actors.SignIn(ctx, "mia", "a password of the thief")
	refused(t, err, authn.ReasonWrong, "the pepper binds a hash to its account")
}
