package authz_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

func TestNewGuardNamesEverythingThatIsMissing(t *testing.T) {
	w := newWorld(t)
	_, err := authz.NewGuard(nil, authz.Config{}, nil)
	require.ErrorIs(t, err, symbolon.ErrInvalid)
	for _, want := range []string{"a Realm", "Config.Actions", "Config.ActorSet"} {
		require.ErrorContains(t, err, want)
	}
	_, err = authz.NewGuard(w.realm, authz.Config{
		ActorSet: authz.PolicyFS(fstest.MapFS{}, "*.cedar"),
		Actions: authz.Actions{
			`a"b`: {On: "Line"}, "x": {On: "Actor"}, "y": {}, "z": {On: "Line", Concern: 9},
			"p": {On: "Line", Params: map[string]authz.Type{"no such": authz.TypeInt, "untyped": 0}},
		},
	}, &authz.Options{Schema: authz.Schema{
		Actor:     map[string]authz.Attribute{"risk": {}},
		Resources: map[string]map[string]authz.Attribute{"Lime": {"old": {Type: authz.TypeInt, MaxAge: -1}}},
	}})
	require.ErrorIs(t, err, symbolon.ErrInvalid)
	require.ErrorIs(t, err, fs.ErrNotExist)
	for _, want := range []string{
		"Config.SubjectSet", `"a\"b"`, `On of "x"`, `On of "y"`, `Concern of "z"`, `"no such" of "p"`, `"untyped" of "p"`,
		`Schema.Actor: `, `"risk"`, `Schema.Resources[Lime]`, `"old"`, `an action on "Lime"`, `policies "*.cedar"`,
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestMalformedPolicyStopsTheStart(t *testing.T) {
	w := newWorld(t)
	_, err := authz.NewGuard(w.realm, authz.Config{
		ActorSet: authz.PolicyFS(fstest.MapFS{
			"rules/care.cedar":  {Data: []byte("// who may do what\n" + mayDo + "\npermit (principal, action == Action::\"sim.chnage\", resource);")},
			"rules/sales.cedar": {Data: []byte("permit (principal")},
			"rules/notes.txt":   {Data: []byte("not a policy")},
		}, "rules/*.cedar"),
		SubjectSet: authz.PolicyText("\n\n" + `permit (principal, action, resource) when { context.subject.levle == "owner" };`),
		Actions:    actions,
	}, nil)
	require.ErrorIs(t, err, symbolon.ErrInvalid)
	for _, want := range []string{"actor's set", "rules/care.cedar:3: ", "sim.chnage", "rules/sales.cedar:1: ", "subject's set", "text:3: ", "levle"} {
		require.ErrorContains(t, err, want)
	}
}

func TestPoliciesFromFiles(t *testing.T) {
	w := newWorld(t)
	files := fstest.MapFS{"a.cedar": {Data: []byte(mayDo)}, "b.cedar": {Data: []byte(`permit (principal, action == Action::"line.peek", resource);`)}}
	g, err := authz.NewGuard(w.realm, authz.Config{ActorSet: authz.PolicyFS(files, "*.cedar"), SubjectSet: authz.PolicyFS(files, "b*"), Actions: actions}, nil)
	require.NoError(t, err)
	d, err := g.Decide(t.Context(), w.served(), authz.Request{Action: "line.peek", Resource: line})
	require.NoError(t, err)
	require.True(t, d.Allowed)
	require.Equal(t, []string{"actor/b.cedar:1", "actor/care", "subject/b.cedar:1"}, d.Policies(), "a policy without an @id is known by its place")
}

// AZ-06: allowed only if both sides allow; never a union of the two.
func TestBothSidesMustAllow(t *testing.T) {
	for _, c := range []struct {
		because           string
		actor, subject    string
		allowed, sideless bool // sideless: what the action that concerns nobody gets
	}{
		{"neither", "", "", false, false},
		{"the employee may, the customer's side does not allow", permitAll, "", false, true},
		{"the customer's side allows, the employee may not", "", permitAll, false, false},
		{"both", permitAll, permitAll, true, true},
		{"a forbid on either side ends it", permitAll, permitAll + `forbid (principal, action, resource);`, false, true},
		{"a forbid on either side ends it", permitAll + `forbid (principal, action, resource);`, permitAll, false, false},
	} {
		w := newWorld(t)
		g := w.guard(c.actor, c.subject, nil)
		d, err := g.Decide(t.Context(), w.served("sms"), simChange("1"))
		require.NoError(t, err)
		require.Equal(t, c.allowed, d.Allowed, c.because)
		d, err = g.Decide(t.Context(), w.served("sms"), authz.Request{Action: "desk.unlock", Resource: authz.Resource{Type: "Desk", ID: "d"}})
		require.NoError(t, err)
		require.Equal(t, c.sideless, d.Allowed, "the customer's side is not asked about what concerns no customer: "+c.because)
	}
}

// The floor holds although both sets permit everything (S4).
func TestFloor(t *testing.T) {
	foreign := line
	foreign.Account = "acct-7"
	nobodys := line
	nobodys.Account = ""
	desk := authz.Resource{Type: "Desk", ID: "d"}
	withAccount := desk
	withAccount.Account = "acct-42"
	for _, c := range []struct {
		because string
		change  func(*symbolon.Facts)
		methods []symbolon.Method
		request authz.Request
		want    []authz.Reason
	}{
		{"everything is in order", nil, []symbolon.Method{"sms"}, simChange("1"), nil},
		// S4
		{"permit(principal, action, resource) opens no unverified customer's record", nil, nil, simChange("1"), []authz.Reason{authz.NotProved}},
		// AZ-07
		{"nor a foreign customer's", nil, []symbolon.Method{"sms"}, authz.Request{Action: "line.read", Resource: foreign}, []authz.Reason{authz.ForeignAccount}},
		// AZ-07
		{"nor one whose owner nobody knows", nil, []symbolon.Method{"sms"}, authz.Request{Action: "line.read", Resource: nobodys}, []authz.Reason{authz.ForeignAccount}},
		{"no customer, no account, and an empty account equals nothing", func(f *symbolon.Facts) { f.Claimed.Account = "" }, []symbolon.Method{"sms"}, authz.Request{Action: "line.read", Resource: nobodys}, []authz.Reason{authz.ForeignAccount}},
		{"without a customer there is nothing to open", func(f *symbolon.Facts) { f.Claimed, f.Interaction = nil, symbolon.Interaction{} }, nil, simChange("1"), []authz.Reason{authz.NoSubject}},
		// AZ-16
		{"an employee is not served by themselves", func(f *symbolon.Facts) { f.Claimed.Person = f.Actor.Person }, []symbolon.Method{"sms"}, simChange("1"), []authz.Reason{authz.SamePerson}},
		// S22
		{"an unknown person may be anybody", func(f *symbolon.Facts) { f.Actor.Person = "" }, []symbolon.Method{"sms"}, simChange("1"), []authz.Reason{authz.SamePerson}},
		// S22
		{"so may an unknown customer", func(f *symbolon.Facts) { f.Claimed.Person = "" }, []symbolon.Method{"sms"}, simChange("1"), []authz.Reason{authz.SamePerson}},
		// S15
		{"a code for another action proves nothing here", func(f *symbolon.Facts) {
			f.SubjectProof = symbolon.Verification{}.With(symbolon.Proof{Method: "sms", At: start, Interaction: "call-1", For: "address.change"})
		}, nil, simChange("1"), []authz.Reason{authz.NotProved}},
		// S15
		{"one for this action does", func(f *symbolon.Facts) {
			f.SubjectProof = symbolon.Verification{}.With(symbolon.Proof{Method: "sms", At: start, Interaction: "call-1", For: "sim.change"})
		}, nil, simChange("1"), nil},
		{"a principal whose time is over", func(f *symbolon.Facts) { f.Limits.NotAfter = start }, []symbolon.Method{"sms"}, simChange("1"), []authz.Reason{authz.Expired}},
		{"the zero limit is over, too", func(f *symbolon.Facts) { f.Limits = symbolon.Limits{} }, []symbolon.Method{"sms"}, simChange("1"), []authz.Reason{authz.Expired}},
		{"a disabled actor", func(f *symbolon.Facts) { f.Actor.Disabled = true }, []symbolon.Method{"sms"}, simChange("1"), []authz.Reason{authz.ActorDisabled}},
		{"a view before the proof needs the claim", nil, nil, authz.Request{Action: "line.peek", Resource: line}, nil},
		{"and only of the claimed customer", nil, nil, authz.Request{Action: "line.peek", Resource: foreign}, []authz.Reason{authz.ForeignAccount}},
		{"what concerns nobody needs no customer", func(f *symbolon.Facts) { f.Claimed, f.Interaction = nil, symbolon.Interaction{} }, nil, authz.Request{Action: "desk.unlock", Resource: desk}, nil},
		{"but it opens nothing that has an account", nil, []symbolon.Method{"sms"}, authz.Request{Action: "desk.unlock", Resource: withAccount}, []authz.Reason{authz.HasAccount}},
		{"all that holds against it is named", func(f *symbolon.Facts) { f.Claimed.Person, f.Limits = "", symbolon.Limits{} }, nil, authz.Request{Action: "line.read", Resource: foreign},
			[]authz.Reason{authz.Expired, authz.NotProved, authz.ForeignAccount, authz.SamePerson}},
	} {
		w := newWorld(t)
		g := w.guard(permitAll, permitAll, nil)
		p := w.seal(w.facts(c.change, c.methods...))
		d, err := g.Decide(t.Context(), p, c.request)
		require.NoError(t, err, c.because)
		require.Equal(t, c.want, d.Floor, c.because)
		require.Equal(t, c.want == nil, d.Allowed, c.because)
		grant, err := g.Authorize(t.Context(), p, c.request)
		if c.want == nil {
			require.NoError(t, err, c.because)
			continue
		}
		refused(t, err, c.want[0], c.because)
		require.Equal(t, authz.Grant{}, grant, c.because)
		last := w.log()[len(w.log())-1]
		require.Equal(t, audit.Denied, last.Outcome, "denials are audited")
		require.Contains(t, last.Reason, string(c.want[0]), c.because)
	}
}

// An honest customer's side does not save a careless actor's set, nor need it.
func TestCarelessActorSet(t *testing.T) {
	for _, subjectSet := range []string{mayAsk, permitAll} {
		w := newWorld(t)
		g := w.guard(`permit(principal, action, resource);`, subjectSet, nil)
		for _, action := range []authz.Action{"sim.change", "line.read"} {
			_, err := g.Authorize(t.Context(), w.served(), authz.Request{Action: action, Resource: line})
			refused(t, err, authz.NotProved, "an unverified customer")
			foreign := line
			foreign.Account = "acct-7"
			_, err = g.Authorize(t.Context(), w.served("sms"), authz.Request{Action: action, Resource: foreign})
			refused(t, err, authz.ForeignAccount, "a foreign customer")
		}
	}
}

func TestWhatHasEndedIsRefused(t *testing.T) {
	for because, end := range map[string]func(w *world, p symbolon.Principal){
		"the call was ended": func(w *world, _ symbolon.Principal) { w.hangUp() },
		"its lease ran out":  func(w *world, _ symbolon.Principal) { w.now = w.now.Add(time.Hour) },
		"it changed hands": func(w *world, _ symbolon.Principal) {
			w.putSubject(w.facts(nil, "sms"), func(i *stamp.Interaction) { i.Holder = "bob" })
		},
		"credentials changed": func(w *world, _ symbolon.Principal) {
			w.put("actor", "mia", map[string]any{stamp.ActorName("mia"): stamp.Party{Epoch: 2}})
		},
		"its proof was voided": func(w *world, _ symbolon.Principal) {
			w.put("subject", "cust-42", map[string]any{stamp.SubjectName("cust-42"): stamp.Party{Epoch: 2}})
		},
	} {
		w := newWorld(t)
		g := w.guard(permitAll, permitAll, nil)
		p := w.seal(w.facts(func(f *symbolon.Facts) { f.Limits.NotAfter = start.Add(2 * time.Hour) }, "sms"))
		_, err := g.Authorize(t.Context(), p, simChange("1"))
		require.NoError(t, err, because)
		end(w, p)
		_, err = g.Authorize(t.Context(), p, simChange("1"))
		refused(t, err, authz.NotLive, because)
	}
}

// S15: what was proved for another action is not there for the policies either.
func TestPoliciesSeeOnlyWhatCounts(t *testing.T) {
	w := newWorld(t)
	g := w.guard(permitAll, `permit (principal, action, resource) when { context.subject.methods.contains("face") };`, nil)
	for operation, allowed := range map[string]bool{"": true, "sim.change": true, "address.change": false} {
		d, err := g.Decide(t.Context(), w.seal(w.facts(func(f *symbolon.Facts) {
			f.SubjectProof = f.SubjectProof.With(symbolon.Proof{Method: "face", At: start, Interaction: "call-1", For: operation})
		}, "sms")), simChange("1"))
		require.NoError(t, err)
		require.Equal(t, allowed, d.Allowed, operation)
	}
}

// S17: two engines in one process share nothing.
func TestTwoRealms(t *testing.T) {
	here, there := newWorld(t), newWorld(t)
	g := here.guard(permitAll, permitAll, nil)
	for because, p := range map[string]symbolon.Principal{"of another realm": there.served("sms"), "nobody": {}} {
		_, err := g.Authorize(t.Context(), p, simChange("1"))
		refused(t, err, authz.ForeignRealm, because)
	}
	require.Len(t, here.log(), 2, "it is a fault or an attack, and leaves a trace")
	require.Empty(t, here.log()[0].Actor, "but not under an id that means nothing here")
	require.Empty(t, there.log())

	grant, err := there.guard(permitAll, permitAll, nil).Authorize(t.Context(), there.served("sms"), simChange("1"))
	require.NoError(t, err)
	refused(t, g.Holds(grant, "sim.change"), authz.GrantForeign, "a grant of another realm")
	_, err = g.Begin(t.Context(), grant, "sim.change", simChange("1").Params)
	refused(t, err, authz.GrantForeign, "a grant of another realm")
}

// AZ-09, S20: tenants of one store, whose names begin alike and whose people
// have the same ids, neither see nor end anything of each other.
func TestTenantsOfOneStore(t *testing.T) {
	store := memory.New()
	here, there := newTenant(t, "acme", store), newTenant(t, "acme/0", store)
	g := here.guard(permitAll, permitAll, nil)
	p := here.served("sms")
	grant, err := g.Authorize(t.Context(), p, simChange("1"))
	require.NoError(t, err)

	there.served("sms")
	there.hangUp()
	there.put("actor", "mia", map[string]any{stamp.ActorName("mia"): stamp.Party{Epoch: 9}})
	_, err = g.Begin(t.Context(), grant, "sim.change", simChange("1").Params)
	require.NoError(t, err, "another tenant's call ended")

	require.Len(t, here.log(), 2)
	require.Empty(t, there.log())
	open, err := there.guard(permitAll, permitAll, nil).Unfinished(t.Context(), -time.Second)
	require.NoError(t, err)
	require.Empty(t, open)
}

// AZ-29: whoever may look at something may not therefore tell it to the
// customer, let alone change it.
func TestViewDiscloseChange(t *testing.T) {
	w := newWorld(t)
	g, err := authz.NewGuard(w.realm, authz.Config{
		ActorSet: authz.PolicyText(`permit (principal, action == Action::"bill.view", resource);`), SubjectSet: authz.PolicyText(permitAll),
		Actions: authz.Actions{"bill.view": {On: "Bill", Insensitive: true}, "bill.disclose": {On: "Bill"}, "bill.change": {On: "Bill"}},
	}, nil)
	require.NoError(t, err)
	for action, allowed := range map[authz.Action]bool{"bill.view": true, "bill.disclose": false, "bill.change": false} {
		d, err := g.Decide(t.Context(), w.served("sms"), authz.Request{Action: action, Resource: authz.Resource{Type: "Bill", ID: "b", Account: "acct-42"}})
		require.NoError(t, err)
		require.Equal(t, allowed, d.Allowed, string(action))
	}
}

func TestRequestsThatNobodyDeclared(t *testing.T) {
	w := newWorld(t)
	g := w.guard(permitAll, permitAll, &authz.Options{Schema: authz.Schema{
		Environment: map[string]authz.Attribute{"risk": {Type: authz.TypeInt}},
		Resources:   map[string]map[string]authz.Attribute{"Line": {"vip": {Type: authz.TypeBool}}},
	}})
	for want, r := range map[string]authz.Request{
		`"line.delete" is not declared`: {Action: "line.delete", Resource: line},
		"Resource.Type Line":            {Action: "sim.change", Resource: authz.Resource{Type: "Desk", ID: "d", Account: "acct-42"}},
		"Resource.ID":                   {Action: "sim.change", Resource: authz.Resource{Type: "Line", Account: "acct-42"}},
		"Resource.Account":              {Action: "sim.change", Resource: authz.Resource{Type: "Line", ID: "x", Account: "a\nb"}},
		"Purpose":                       {Action: "line.read", Resource: line, Purpose: "a\nb"},
		`undeclared Params["colour"]`:   {Action: "sim.change", Resource: line, Params: authz.Params{"colour": symbolon.IntValue(1)}},
		`Params["iccid"] to be a Str`:   {Action: "sim.change", Resource: line, Params: authz.Params{"iccid": symbolon.IntValue(1)}},
		`Environment["risk"] to be a`:   {Action: "line.read", Resource: line, Environment: symbolon.Attributes{"risk": symbolon.StringValue("low")}},
		`undeclared Environment["x"]`:   {Action: "line.read", Resource: line, Environment: symbolon.Attributes{"x": symbolon.IntValue(1)}},
		`Resource.Attributes["owner"]`:  {Action: "line.read", Resource: authz.Resource{Type: "Line", ID: "x", Account: "acct-42", Attributes: symbolon.Attributes{"owner": symbolon.IntValue(1)}}},
	} {
		_, err := g.Authorize(t.Context(), w.served("sms"), r)
		require.ErrorIs(t, err, symbolon.ErrInvalid, want)
		require.ErrorContains(t, err, want)
		require.NotErrorIs(t, err, symbolon.ErrRefused, want)
	}
	require.Empty(t, w.log(), "nothing was decided")
}

func TestTheDecisionIsOnRecordBeforeTheGrant(t *testing.T) {
	w := newWorld(t)
	g := w.guard(mayDo, mayAsk+`@id("no-marketing") forbid (principal, action, resource) when { context.purpose == "marketing" };`, nil)
	r := simChange("1")
	r.Purpose = "care"
	grant, err := g.Authorize(t.Context(), w.served("sms"), r)
	require.NoError(t, err)
	require.Equal(t, "sim.change on Line +15550100, mia for cust-42", grant.String())
	w.now, r.Purpose = w.now.Add(time.Second), "marketing"
	_, err = g.Authorize(t.Context(), w.served("sms"), r)
	// AZ-30
	refused(t, err, authz.NoPermit, "another purpose, another answer")

	log := w.log()
	require.Len(t, log, 2)
	rec := log[0]
	require.Equal(t, grant.Decision(), rec.Decision)
	require.Equal(t, audit.Allowed, rec.Outcome)
	require.Equal(t, "mia cust-42 true call-1 sim.change care", string(rec.Actor)+" "+string(rec.Subject)+map[bool]string{true: " true "}[rec.Proved]+string(rec.Interaction)+" "+rec.Action+" "+rec.Purpose)
	require.Equal(t, "Line +15550100", rec.Resource)
	require.Equal(t, []string{"actor/care", "subject/sms"}, rec.Policies)
	// S6
	require.Len(t, rec.Detail["actor_set"], 64, "every decision names the digest of its set")
	require.Len(t, rec.Detail["subject_set"], 64)
	require.Equal(t, audit.Denied, log[1].Outcome)
	require.Equal(t, []string{"subject/no-marketing"}, log[1].Policies)
	require.Contains(t, log[1].Reason, "subject/no-marketing forbids")
}

// AU-07: no record, no sensitive action.
func TestNoRecordNoGrant(t *testing.T) {
	w := newWorld(t)
	g := w.guard(permitAll, permitAll, nil)
	p := w.served("sms")
	earlier, err := g.Authorize(t.Context(), p, simChange("1"))
	require.NoError(t, err)
	w.store.breakAudit()

	grant, err := g.Authorize(t.Context(), p, simChange("1"))
	require.ErrorIs(t, err, symbolon.ErrUnavailable, "a sensitive action does not happen unseen")
	require.Equal(t, authz.Grant{}, grant)
	_, err = g.Begin(t.Context(), earlier, "sim.change", simChange("1").Params)
	require.ErrorIs(t, err, symbolon.ErrUnavailable, "nor does an act begin")
	_, err = g.Authorize(t.Context(), p, authz.Request{Action: "line.read", Resource: line})
	require.NoError(t, err, "what was declared insensitive may")

	w.store.before = nil
	_, err = g.Begin(t.Context(), earlier, "sim.change", simChange("1").Params)
	require.NoError(t, err, "nothing was used up by the failure")
}

// AZ-31: a store that fails denies.
func TestStoreDown(t *testing.T) {
	w := newWorld(t)
	g := w.guard(permitAll, permitAll, nil)
	p := w.served("sms")
	w.store.Store = down{}
	_, err := g.Authorize(t.Context(), p, authz.Request{Action: "line.read", Resource: line})
	require.ErrorIs(t, err, symbolon.ErrUnavailable, "nobody can say whether the call is still on")
	require.NotErrorIs(t, err, symbolon.ErrRefused)
	d, err := g.Decide(t.Context(), p, simChange("1"))
	require.ErrorIs(t, err, symbolon.ErrUnavailable)
	require.False(t, d.Allowed)
}

type down struct{ storage.Store }

func (down) Get(context.Context, string, ...string) ([]storage.Record, error) {
	return nil, errors.New("connection refused")
}
