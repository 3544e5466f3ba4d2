package authn_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// content is everything that a store holds.
func content(t testing.TB, s *memory.Store) (all []string) {
	t.Helper()
	for i := range 64 {
		recs, err := s.Scan(t.Context(), fmt.Sprintf("acme/%02x", i), "", "", 1000)
		require.NoError(t, err)
		for _, r := range recs {
			all = append(all, fmt.Sprintf("%s %x %s", r.Name, r.Version, r.Value))
		}
	}
	return all
}

// dryAct is one change, made or computed. ok says where it goes through.
type dryAct struct {
	name string
	made func(context.Context, *dryDesk) error
	dry  func(context.Context, *dryDesk) error
}

type dryDesk struct {
	*desk
	tom, mia symbolon.Principal
	sms      symbolon.Method
}

func (d *dryDesk) host() authn.Host            { return d.actors.AsHost("what if") }
func (d *dryDesk) custHost() authn.SubjectHost { return d.subjects.AsHost("what if") }

// acts are all changes of accounts that there are (B8).
func acts(id symbolon.ActorID, reason, pw string) []dryAct {
	as := func(name string, do func(context.Context, *dryDesk, authn.Host, authn.SubjectHost) error) dryAct {
		return dryAct{"host: " + name,
			func(ctx context.Context, d *dryDesk) error { return do(ctx, d, d.host(), d.custHost()) },
			func(ctx context.Context, d *dryDesk) error {
				return do(ctx, d, d.host().DryRun(), d.custHost().DryRun())
			}}
	}
	return []dryAct{
		as("SetPassword", func(ctx context.Context, _ *dryDesk, h authn.Host, _ authn.SubjectHost) error {
			return h.SetPassword(ctx, id, pw)
		}),
		as("ResetPassword", func(ctx context.Context, _ *dryDesk, h authn.Host, _ authn.SubjectHost) error {
			return h.ResetPassword(ctx, id)
		}),
		as("Import", func(ctx context.Context, _ *dryDesk, h authn.Host, _ authn.SubjectHost) error {
			return h.Import(ctx, id, bcrypted)
		}),
		as("RevokePassword", func(ctx context.Context, _ *dryDesk, h authn.Host, _ authn.SubjectHost) error {
			return h.RevokePassword(ctx, id)
		}),
		as("NewKey", func(ctx context.Context, d *dryDesk, h authn.Host, _ authn.SubjectHost) error {
			key, err := h.NewKey(ctx, "ivr")
			if key.Reveal() != "" { // one that is handed out is stored
				_, err := d.actors.SignInKey(ctx, key)
				require.NoError(d.t, err)
			}
			return err
		}),
		as("RevokeKey", func(ctx context.Context, _ *dryDesk, h authn.Host, _ authn.SubjectHost) error {
			return h.RevokeKey(ctx, "ivr", "none")
		}),
		as("EndSessions", func(ctx context.Context, _ *dryDesk, h authn.Host, _ authn.SubjectHost) error {
			return h.EndSessions(ctx, id)
		}),
		as("Hold", func(ctx context.Context, _ *dryDesk, h authn.Host, _ authn.SubjectHost) error { return h.Hold(ctx, id) }),
		as("Unlock", func(ctx context.Context, _ *dryDesk, h authn.Host, _ authn.SubjectHost) error {
			return h.Unlock(ctx, id)
		}),
		as("Rebind", func(ctx context.Context, d *dryDesk, _ authn.Host, h authn.SubjectHost) error {
			return h.Rebind(ctx, "cust-42", d.sms)
		}),
		as("EndProofs", func(ctx context.Context, _ *dryDesk, _ authn.Host, h authn.SubjectHost) error {
			return h.EndProofs(ctx, "cust-42")
		}),
		as("Hold of a customer", func(ctx context.Context, d *dryDesk, _ authn.Host, h authn.SubjectHost) error {
			return h.Hold(ctx, "cust-42", d.sms)
		}),
		as("Unlock of a customer", func(ctx context.Context, d *dryDesk, _ authn.Host, h authn.SubjectHost) error {
			return h.Unlock(ctx, "cust-42", d.sms)
		}),
		{"ResetPassword",
			func(ctx context.Context, d *dryDesk) error { return d.actors.ResetPassword(ctx, d.tom, id, reason) },
			func(ctx context.Context, d *dryDesk) error {
				return d.actors.DryRun().ResetPassword(ctx, d.tom, id, reason)
			}},
		{"Hold",
			func(ctx context.Context, d *dryDesk) error { return d.actors.Hold(ctx, d.tom, id, reason) },
			func(ctx context.Context, d *dryDesk) error { return d.actors.DryRun().Hold(ctx, d.tom, id, reason) }},
		{"Unlock",
			func(ctx context.Context, d *dryDesk) error { return d.actors.Unlock(ctx, d.tom, id, reason) },
			func(ctx context.Context, d *dryDesk) error { return d.actors.DryRun().Unlock(ctx, d.tom, id, reason) }},
		{"Hold of a customer",
			func(ctx context.Context, d *dryDesk) error {
				return d.subjects.Hold(ctx, d.tom, "cust-42", d.sms, reason)
			},
			func(ctx context.Context, d *dryDesk) error {
				return d.subjects.DryRun().Hold(ctx, d.tom, "cust-42", d.sms, reason)
			}},
		{"Unlock of a customer",
			func(ctx context.Context, d *dryDesk) error {
				return d.subjects.Unlock(ctx, d.tom, "cust-42", d.sms, reason)
			},
			func(ctx context.Context, d *dryDesk) error {
				return d.subjects.DryRun().Unlock(ctx, d.tom, "cust-42", d.sms, reason)
			}},
	}
}

// B8: every change of an account can be computed: nothing is stored, nobody is told, and it says what the change would.
func TestDryRuns(t *testing.T) {
	for _, given := range []struct {
		name, reason, pw string
		id               symbolon.ActorID
		held             bool
		method           symbolon.Method
	}{
		{"all is well", "ticket 7", right + " anew", "mia", false, symbolon.MethodSMS},
		{"all are held", "ticket 7", right + " anew", "mia", true, symbolon.MethodSMS},
		{"nothing is right", "", "short", "tom", false, "kba"},
	} {
		for _, a := range acts(given.id, given.reason, given.pw) {
			t.Run(given.name+"/"+a.name, inABubble(func(t *testing.T) {
				store, mail := memory.New(), &mailbox{}
				d := &dryDesk{desk: newDesk(t, store), sms: given.method}
				var err error
				d.actors, err = authn.NewActors(d.realm, &authn.ActorsOptions{Hasher: testHasher(t), Notifier: mail})
				require.NoError(t, err)
				d.subjects, err = authn.NewSubjects(d.actors, d.inbox, nil)
				require.NoError(t, err)
				d.call("call-1")
				d.mia, d.tom = d.signIn("mia", right), d.signIn("tom", right+" of tom")
				if given.held {
					require.NoError(t, d.host().Hold(t.Context(), "mia"))
					require.NoError(t, d.custHost().Hold(t.Context(), "cust-42", symbolon.MethodSMS))
				}
				settle := func() string {
					synctest.Wait()
					return mail.events()
				}
				told, before := settle(), content(t, store)
				dry := a.dry(t.Context(), d)
				require.Equal(t, before, content(t, store), "nothing is stored")
				require.Equal(t, told, settle(), "and nobody told")
				made := a.made(t.Context(), d)
				if made == nil {
					require.NoError(t, dry)
					require.NotEqual(t, before, content(t, store), "made, it leaves something behind")
					return
				}
				require.EqualError(t, dry, made.Error(), "it says what the change says")
			}))
		}
	}
}

func inABubble(f func(*testing.T)) func(*testing.T) {
	return func(t *testing.T) { synctest.Test(t, f) }
}

// B8, S9, AN-47: to compute a change of one's password is a guess like any other, and changes nothing.
func TestADryChangeOfPasswordIsNoFreeGuess(t *testing.T) {
	d, mail := newOffice(t, password.Policy{})
	ctx, dry := t.Context(), d.actors.DryRun()
	mia := d.signIn("mia", right)
	require.NoError(t, dry.ChangePassword(ctx, "mia", right, right+" anew"))
	require.ErrorIs(t, dry.ChangePassword(ctx, "mia", right, "short"), symbolon.ErrInvalid)
	require.NoError(t, d.actors.Touch(ctx, mia), "her sessions go on")
	d.signIn("mia", right)
	require.Empty(t, mail.events())
	require.Equal(t, []string{"password.changed allowed", "password.changed failed"}, d.events(audit.Query{Actor: "mia", Event: "password.changed"}))
	for range 5 {
		refused(t, dry.ChangePassword(ctx, "mia", "a guess", "short"), authn.ReasonWrong, "and nothing is said of the new one")
	}
	refused(t, dry.ChangePassword(ctx, "mia", right, right+" anew"), authn.ReasonLocked, "five guesses lock, through whichever door")
	refused(t, dry.ChangePassword(ctx, "nobody", right, right+" anew"), authn.ReasonUnknown, "and who does not exist")
}
