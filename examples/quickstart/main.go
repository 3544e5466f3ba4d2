// Quickstart is the program of the project's front page: an employee signs in, a
// customer on the phone proves who they are, one token carries both proofs, and
// a Guard says yes. It needs nothing but this module.
package main

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/token"
)

// secret is drawn anew at each start. A real host keeps one, apart from its
// database, or no sign-in would outlive a restart.
var secret = newSecret()

func main() {
	const pw = "correct horse battery staple"
	mayDo := authz.PolicyText(`permit (principal in Role::"care", action == Action::"sim.change", resource is Line);`)
	mayAsk := authz.PolicyText(`permit (principal, action, resource) when { context.subject.methods.contains("sms") };`)
	people := symbolon.ActorMap{"mia": {Roles: []string{"care"}}, "pbx": {Kind: symbolon.Service}} // or two look-ups
	customers := symbolon.SubjectMap{"cust-42": {Account: "acct-42"}}                              // or one look-up
	phone := make(chan string, 1)                                                                  // the customer's
	text := authn.SenderFunc(func(_ context.Context, m authn.Message) error { phone <- m.Code.Reveal(); return nil })

	ctx := context.Background()
	acme := must(symbolon.NewRealm(symbolon.RealmConfig{Tenant: "acme", Store: memory.New(), Secret: secret, Actors: people, Subjects: customers}, nil))
	actors := must(authn.NewActors(acme, nil))
	subjects := must(authn.NewSubjects(actors, text, nil))
	tokens := must(token.New(acme, token.Config{Issuer: "crm", Audience: "crm-api", Key: token.NewKey()}, nil))
	guard := must(authz.NewGuard(acme, authz.Config{ActorSet: mayDo, SubjectSet: mayAsk, Actions: authz.Actions{"sim.change": {On: "Line"}}}, nil))
	check(actors.AsHost("set-up").SetPassword(ctx, "mia", pw))
	key := must(actors.AsHost("set-up").NewKey(ctx, "pbx"))

	mia := must(actors.SignIn(ctx, "mia", pw)) // the employee
	pbx := must(actors.SignInKey(ctx, key))    // telephony: only it can say that there is a call
	call := must(subjects.Open(ctx, pbx, authn.Call{ID: "call-1", Channel: "phone", Actor: "mia", Subject: "cust-42"}))
	claim := must(subjects.Join(ctx, mia, call)) // a customer is claimed, nothing is proved
	ask := must(subjects.Challenge(ctx, claim, symbolon.MethodSMS, "sim.change"))
	both := must(subjects.Confirm(ctx, claim, ask.ID, <-phone))    // both halves match
	who := must(tokens.Verify(ctx, must(tokens.Issue(ctx, both)))) // through the network and back
	grant := must(guard.Authorize(ctx, who, authz.Request{Action: "sim.change", Resource: authz.Resource{Type: "Line", ID: "+15550100", Account: "acct-42"}}))
	fmt.Println(grant.Principal()) // mia for cust-42
}

func newSecret() symbolon.Secret {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return must(symbolon.NewSecret("1", key))
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
