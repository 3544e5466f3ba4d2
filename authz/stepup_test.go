package authz_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authz"
)

// usable answers the same for everybody, and counts how often it is asked.
type usable struct {
	actor, subject []symbolon.Method
	err            error
	asked          int
}

func (u *usable) Usable(context.Context, symbolon.Principal) (actor, subject []symbolon.Method, err error) {
	u.asked++
	return u.actor, u.subject, u.err
}

// text writes needs as "subject:line-control(face)".
func text(needs []authz.Need) string {
	var out []string
	for _, n := range needs {
		var m []string
		for _, one := range n.Methods {
			m = append(m, string(one))
		}
		again := ""
		if n.Renew {
			again = " again"
		}
		out = append(out, fmt.Sprintf("%s:%s(%s)%s", n.Party, n.Class, strings.Join(m, " "), again))
	}
	return strings.Join(out, " ")
}

// AZ-27: a deny that can be cured says what is missing and from whom; AN-61.
func TestStepUp(t *testing.T) {
	when := func(cond string) string {
		return `@id("p") permit (principal, action in [Action::"sim.change", Action::"line.read", Action::"line.peek"], resource) when { ` + cond + ` };`
	}
	foreign := simChange("1")
	foreign.Resource.Account = "acct-7"
	stale := func(f *symbolon.Facts) {
		f.SubjectProof = symbolon.Verification{}.With(symbolon.Proof{Method: "sms", At: start.Add(-time.Hour), Interaction: "call-1"})
	}
	for _, c := range []struct {
		because        string
		actor, subject string
		change         func(*symbolon.Facts)
		proved         []symbolon.Method
		request        authz.Request
		want           string // empty: the deny is final
	}{
		{because: "the customer has proved nothing, and one method is enough", actor: mayDo, subject: mayAsk, want: "subject:sms(sms)"},
		{because: "every single method that would do is named", actor: mayDo, subject: permitAll, want: "subject:line-control(face) subject:pin(pin) subject:sms(sms)"},
		{because: "a class is named where the realm declares one", actor: mayDo, subject: when(`context.subject.classes.contains("line-control")`), want: "subject:line-control(face)"},
		{because: "what is there already counts towards a class", actor: mayDo, subject: when(`context.subject.classes.contains("line-control")`), proved: []symbolon.Method{"sms"}, want: "subject:line-control(face) subject:line-control(pin)"},
		{because: "methods without a class are named one by one", actor: mayDo, subject: when(`context.subject.methods.containsAll(["face", "pin"])`), want: "subject:face+pin(face pin)"},
		{because: "the employee is the weak one", actor: when(`principal.classes.contains("strong")`), subject: mayAsk, proved: []symbolon.Method{"sms"}, want: "actor:strong(hwk)"},
		{because: "both are weak, and both must", actor: when(`principal.methods.contains("hwk")`), subject: mayAsk, want: "subject:sms(sms) actor:strong(hwk)"},
		{because: "an old proof is renewed by the same method", actor: mayDo, subject: when(`context.now.durationSince(context.subject.provedAt.sms) <= duration("5m")`), change: stale, want: "subject:sms(sms) again"},
		{because: "so is the age of the whole", actor: mayDo, subject: when(`context.now.durationSince(context.subject.verifiedAt) <= duration("5m")`), change: stale, want: "subject:sms(sms) again"},
		{because: "a view before the proof may ask for one", actor: mayDo, subject: mayAsk, request: authz.Request{Action: "line.peek", Resource: line}, want: "subject:sms(sms)"},
		{because: "a method that nobody can use helps nobody", actor: mayDo, subject: when(`context.subject.methods.contains("otp")`)},
		{because: "four factors are too many to ask for", actor: when(`principal.methods.contains("hwk")`), subject: when(`context.subject.methods.containsAll(["face", "pin", "sms"])`)},
		{because: "the role is missing, and no proof gives a role", actor: `permit (principal in Role::"boss", action, resource);`, subject: mayAsk},
		{because: "a forbid stays a forbid", actor: mayDo, subject: mayAsk + `forbid (principal, action, resource) when { context.purpose == "x" };`},
		// AN-62
		{because: "nothing to prove again; it hangs on what is known of the customer", actor: mayDo, subject: when(`context.subject.level == "restricted"`), proved: []symbolon.Method{"sms", "face", "pin"}},
		{because: "a foreign account stays foreign", actor: mayDo, subject: when(`context.subject.methods.contains("face")`), proved: []symbolon.Method{"sms"}, request: foreign},
		{because: "an ended call is not helped by proofs", actor: mayDo, subject: mayAsk, change: func(f *symbolon.Facts) { f.Limits = symbolon.Limits{} }},
		// S13
		{because: "before the proof, nobody learns that the account is another's", actor: mayDo, subject: mayAsk, request: foreign, want: "subject:sms(sms)"},
		{because: "nor that the customer is the employee", actor: mayDo, subject: mayAsk, change: func(f *symbolon.Facts) { f.Claimed.Person = f.Actor.Person }, want: "subject:sms(sms)"},
		{because: "nor what the contract lets them do", actor: mayDo, subject: when(`context.subject.level == "restricted" && context.subject.methods.contains("sms")`), want: "subject:sms(sms)"},
	} {
		w := newWorld(t)
		methods := &usable{actor: []symbolon.Method{"pwd", "hwk"}, subject: []symbolon.Method{"sms", "pin", "face", "sms"}}
		g := w.guard(c.actor, c.subject, &authz.Options{Methods: methods})
		if c.request.Action == "" {
			c.request = simChange("1")
		}
		_, err := g.Authorize(t.Context(), w.seal(w.facts(c.change, c.proved...)), c.request)
		require.ErrorIs(t, err, authz.ErrDenied, c.because)
		var up *authz.StepUpError
		if c.want == "" {
			require.False(t, errors.As(err, &up), c.because)
			continue
		}
		require.ErrorAs(t, err, &up, c.because)
		require.Equal(t, c.want, text(up.Needs), c.because)
		// AZ-28
		require.EqualError(t, err, authz.ErrDenied.Error(), "the text says nothing")
	}
}

func TestStepUpHasLimits(t *testing.T) {
	w := newWorld(t)
	g := w.guard(mayDo, permitAll, &authz.Options{Methods: &usable{actor: []symbolon.Method{"hwk"}}})
	_, err := g.Authorize(t.Context(), w.served(), simChange("1"))
	refused(t, err, authz.NotProved, "the employee cannot prove anything in the customer's place")

	var many []symbolon.Method
	for i := range 40 {
		many = append(many, symbolon.Method(fmt.Sprintf("m%02d", i)))
	}
	last := `permit (principal, action, resource) when { context.subject.methods.containsAll(["m37", "m38", "m39"]) };`
	g = w.guard(mayDo, last, &authz.Options{Methods: &usable{subject: many[30:]}})
	_, err = g.Authorize(t.Context(), w.served(), simChange("1"))
	var up *authz.StepUpError
	require.ErrorAs(t, err, &up, "three of ten are found")
	g = w.guard(mayDo, last, &authz.Options{Methods: &usable{subject: many}})
	_, err = g.Authorize(t.Context(), w.served(), simChange("1"))
	refused(t, err, authz.NotProved, "the search gives up before it becomes expensive")
}

// An action that concerns nobody asks the employee alone.
func TestStepUpWithoutACustomer(t *testing.T) {
	w := newWorld(t)
	g := w.guard(`permit (principal, action, resource) when { principal.methods.contains("hwk") };`, "", &authz.Options{Methods: &usable{actor: []symbolon.Method{"hwk"}, subject: []symbolon.Method{"sms"}}})
	_, err := g.Authorize(t.Context(), w.served(), authz.Request{Action: "desk.unlock", Resource: authz.Resource{Type: "Desk", ID: "d"}})
	var up *authz.StepUpError
	require.ErrorAs(t, err, &up)
	require.Equal(t, "actor:strong(hwk)", text(up.Needs))
}

// Whoever follows the advice is let through: no loop (AN-62).
func TestFollowingTheAdvice(t *testing.T) {
	w := newWorld(t)
	g := w.guard(`permit (principal, action, resource) when { principal.classes.contains("strong") };`,
		`permit (principal, action, resource) when { context.subject.classes.contains("line-control") && context.subject.methods.contains("sms") };`,
		&authz.Options{Methods: &usable{actor: []symbolon.Method{"pwd", "hwk"}, subject: []symbolon.Method{"sms", "pin", "face"}}})
	f := w.facts(nil)
	_, err := g.Authorize(t.Context(), w.seal(f), simChange("1"))
	var up *authz.StepUpError
	require.ErrorAs(t, err, &up)
	party, needs := up.First()
	require.Equal(t, authz.Subject, party, "the customer first")
	for _, m := range needs[0].Methods {
		f.SubjectProof = f.SubjectProof.With(symbolon.Proof{Method: m, At: w.now, Interaction: "call-1", For: "sim.change"})
	}
	_, err = g.Authorize(t.Context(), w.seal(f), simChange("1"))
	require.ErrorAs(t, err, &up)
	party, needs = up.First()
	require.Equal(t, authz.Actor, party, "then the employee")
	for _, m := range needs[0].Methods {
		f.ActorProof = f.ActorProof.With(symbolon.Proof{Method: m, At: w.now})
	}
	_, err = g.Authorize(t.Context(), w.seal(f), simChange("1"))
	require.NoError(t, err)
}

func TestWithoutMethodsEveryDenyIsFinal(t *testing.T) {
	w := newWorld(t)
	_, err := w.guard(mayDo, mayAsk, nil).Authorize(t.Context(), w.served(), simChange("1"))
	refused(t, err, authz.NotProved, "nobody said what could be proved")
	broken := &usable{err: errors.New("down")}
	_, err = w.guard(mayDo, mayAsk, &authz.Options{Methods: broken}).Authorize(t.Context(), w.served(), simChange("1"))
	refused(t, err, authz.NotProved, "nobody can say")
	g := w.guard(mayDo, mayAsk, &authz.Options{Methods: broken})
	_, err = g.Authorize(t.Context(), w.served("sms"), simChange("1"))
	require.NoError(t, err)
	require.Equal(t, 1, broken.asked, "it is asked on a deny only")
}

// S13, non-interference: for a customer who proved nothing, the whole outward
// answer is the same whoever they are, whatever is known of them, and whosever
// the resource is.
func TestStepUpIsNoOracle(t *testing.T) {
	schema := authz.Schema{
		Subject:   map[string]authz.Attribute{"vip": {Type: authz.TypeBool}},
		Resources: map[string]map[string]authz.Attribute{"Line": {"prepaid": {Type: authz.TypeBool}}},
	}
	subjectSet := mayAsk + `
		forbid (principal, action == Action::"sim.change", resource) when { context.subject.host.vip };
		forbid (principal, action in [Action::"sim.change", Action::"line.read"], resource is Line) unless { context.subject.level == "owner" || context.subject.methods.contains("face") };
		forbid (principal, action == Action::"sim.change", resource) when { resource == Line::"+15550100" && !resource.host.prepaid };`
	w := newWorld(t)
	g := w.guard(mayDo, subjectSet, &authz.Options{Schema: schema, Methods: &usable{actor: []symbolon.Method{"pwd"}, subject: []symbolon.Method{"sms", "face", "pin"}}})
	for _, action := range []authz.Action{"sim.change", "line.read"} {
		answers := map[string]int{}
		for _, level := range []symbolon.Level{0, symbolon.Restricted, symbolon.Owner} {
			for _, vip := range []symbolon.Value{{}, symbolon.BoolValue(false), symbolon.BoolValue(true)} {
				for _, account := range []symbolon.AccountID{"", "acct-42", "acct-7"} {
					for _, person := range []symbolon.PersonID{"", "actor/mia", "somebody"} {
						for _, id := range []string{"+15550100", "+15550199"} {
							p := w.seal(w.facts(func(f *symbolon.Facts) {
								f.Claimed.Level, f.Claimed.Person, f.Claimed.Attributes = level, person, symbolon.Attributes{"vip": vip}
							}))
							_, err := g.Authorize(t.Context(), p, authz.Request{Action: action, Resource: authz.Resource{
								Type: "Line", ID: id, Account: account, Attributes: symbolon.Attributes{"prepaid": vip},
							}})
							var up *authz.StepUpError
							require.ErrorAs(t, err, &up)
							answers[text(up.Needs)]++
						}
					}
				}
			}
		}
		require.Len(t, answers, 1, "%s: %v", action, answers)
	}
}
