package authz_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn/authntest"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/storage/memory"
)

// How do I get told what is wrong with a policy?
func ExampleNewGuard() {
	files := fstest.MapFS{"policies/care.cedar": {Data: []byte(`
permit (principal in Role::"care", action == Action::"sim.change", resource is Line)
when { context.params.fee == "100" };

permit (principal in Role::"care", action == Action::"sim.chnage", resource is Line);
`)}}
	_, err := authz.NewGuard(realm(), authz.Config{
		ActorSet:   authz.PolicyFS(files, "policies/*.cedar"), // an embed.FS as well
		SubjectSet: authz.PolicyText(`permit (principal, action, resource) when { context.subject.methods.contains("sms") };`),
		Actions:    authz.Actions{"sim.change": {On: "Line", Params: map[string]authz.Type{"fee": authz.TypeInt}}},
	}, nil)
	fmt.Println(err)
	// Output:
	// authz: invalid input: the actor's set of policies:
	// policies/care.cedar:2: the types Long and String are not compatible
	// policies/care.cedar:5: unable to find an applicable action given the policy scope constraints
	// policies/care.cedar:5: unrecognized action `Action::"sim.chnage"`
}

// How do I let business code run only when it may, and once?
func ExampleGuard_Begin() {
	ctx := context.Background()
	guard, mia := counter("sms")
	params := authz.Params{"iccid": symbolon.StringValue("8949...")}

	grant, err := guard.Authorize(ctx, mia, authz.Request{
		Action: "sim.change", Resource: authz.Resource{Type: "Line", ID: "+15550100", Account: "acct-42"}, Params: params,
	})
	fmt.Println(grant, err)

	effect, err := guard.Begin(ctx, grant, "sim.change", params)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("moving", grant.Resource().ID) // business code
	fmt.Println(effect.End(ctx, audit.Succeeded, nil))

	_, err = guard.Begin(ctx, grant, "sim.change", params)
	fmt.Println(err)
	// Output:
	// sim.change on Line +15550100, mia for cust-42 <nil>
	// moving +15550100
	// <nil>
	// authz: refused
}

// How do I learn who must prove what?
func ExampleStepUpError() {
	guard, mia := counter() // the customer has proved nothing
	_, err := guard.Authorize(context.Background(), mia, authz.Request{
		Action: "sim.change", Resource: authz.Resource{Type: "Line", ID: "+15550100", Account: "acct-42"},
	})
	var up *authz.StepUpError
	if errors.As(err, &up) {
		for _, need := range up.Needs {
			fmt.Println("the", need.Party, "must reach", need.Class, "by", need.Methods)
		}
	}
	// Output: the subject must reach sms by [sms]
}

// What can my policies read?
func ExampleGuard_Schema() {
	guard, err := authz.NewGuard(realm(), authz.Config{
		ActorSet: authz.PolicyText(""), SubjectSet: authz.PolicyText(""), // these deny everything
		Actions: authz.Actions{
			"sim.change":  {On: "Line", Params: map[string]authz.Type{"fee": authz.TypeInt}},
			"desk.unlock": {On: "Desk", Concern: authz.OfNone},
		},
	}, &authz.Options{Schema: authz.Schema{
		Actor:       map[string]authz.Attribute{"trained": {Type: authz.TypeTime, MaxAge: 24 * time.Hour}},
		Environment: map[string]authz.Attribute{"risk": {Type: authz.TypeInt}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(guard.Schema())
	// Output:
	// // When each method was last proved; one that was not is unset.
	// type Times = {
	//   "pwd": datetime,
	//   "sms": datetime,
	//   "sym:key": datetime,
	//   "tel": datetime,
	// };
	// type Interaction = { id: String, channel: String };
	// type Subject = {
	//   id: String, org: String, level: String,
	//   methods: Set<String>, classes: Set<String>, verifiedAt: datetime, provedAt: Times,
	// };
	// entity Role;
	// entity Actor in [Role] {
	//   id: String, kind: String, org: String, entitlements: Set<String>,
	//   methods: Set<String>, classes: Set<String>, verifiedAt: datetime, provedAt: Times,
	//   host: { "trained": datetime },
	// };
	// entity Desk {
	//   id: String,
	// };
	// entity Line {
	//   id: String,
	//   account: String,
	// };
	// action "desk.unlock" appliesTo { principal: Actor, resource: Desk, context: {
	//   now: datetime, purpose: String,
	//   env: { "risk": Long },
	// } };
	// action "sim.change" appliesTo { principal: Actor, resource: Line, context: {
	//   subject: Subject, interaction: Interaction,
	//   now: datetime, purpose: String,
	//   params: { "fee": Long },
	//   env: { "risk": Long },
	// } };
}

// realm and counter stand for what the package authn does in a program.

func realm() *symbolon.Realm {
	secret, err := symbolon.NewSecret("1", make([]byte, 32)) // random bytes, outside of examples
	if err != nil {
		panic(err)
	}
	r, err := symbolon.NewRealm(symbolon.RealmConfig{
		Tenant: "acme", Store: memory.New(), Secret: secret,
		Actors:   symbolon.ActorMap{"mia": {Roles: []string{"care"}}},
		Subjects: symbolon.SubjectMap{"cust-42": {Account: "acct-42"}},
	}, nil)
	if err != nil {
		panic(err)
	}
	return r
}

func counter(proved ...symbolon.Method) (*authz.Guard, symbolon.Principal) {
	r := realm()
	guard, err := authz.NewGuard(r, authz.Config{
		ActorSet:   authz.PolicyText(`permit (principal in Role::"care", action == Action::"sim.change", resource is Line);`),
		SubjectSet: authz.PolicyText(`permit (principal, action, resource) when { context.subject.methods.contains("sms") };`),
		Actions:    authz.Actions{"sim.change": {On: "Line", Params: map[string]authz.Type{"iccid": authz.TypeString}}},
	}, &authz.Options{Methods: &usable{subject: []symbolon.Method{symbolon.MethodSMS, symbolon.MethodCall}}})
	if err != nil {
		panic(err)
	}
	return guard, authntest.Principal(new(testing.T), r, authntest.Who{Actor: "mia", Subject: "cust-42", SubjectMethods: proved})
}
