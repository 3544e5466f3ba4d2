package main

import (
	"embed"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/authz"
)

// The actions of this server. What is not declared here cannot be asked for.
const (
	previewCustomer authz.Action = "customer.preview" // an employee sees a masked record
	readCustomer    authz.Action = "customer.read"    // a customer is told what is in theirs
	changeSIM       authz.Action = "sim.change"
	unlockAccount   authz.Action = "account.unlock"  // a colleague who guessed too often, or is held, signs in again
	holdAccount     authz.Action = "account.hold"    // a colleague is signed out, and stays so
	unlockCustomer  authz.Action = "customer.unlock" // a customer's codes are looked at again
	readAudit       authz.Action = "audit.read"
)

// actions says of each what it is about, and whom it concerns: a customer who
// proved who they are (the default), one who is only claimed, or none.
var actions = authz.Actions{
	previewCustomer: {On: "Customer", Concern: authz.OfClaimed},
	readCustomer:    {On: "Customer"},
	changeSIM:       {On: "Line", Params: map[string]authz.Type{"iccid": authz.TypeString}},
	unlockAccount:   {On: "Employee", Concern: authz.OfNone, Params: map[string]authz.Type{"reason": authz.TypeString}},
	holdAccount:     {On: "Employee", Concern: authz.OfNone, Params: map[string]authz.Type{"reason": authz.TypeString}},
	unlockCustomer:  {On: "Customer", Concern: authz.OfNone, Params: map[string]authz.Type{"method": authz.TypeString, "reason": authz.TypeString}},
	readAudit:       {On: "AuditLog", Concern: authz.OfNone},
}

// attributes are what this host tells of its own things; policies read them as
// resource.host.barred. One that is not told counts as unset, never as false.
var attributes = authz.Schema{
	Resources: map[string]map[string]authz.Attribute{"Line": {"barred": {Type: authz.TypeBool}}},
}

// classes are the ways to prove something that policies and refusals name: any
// one of the sets is enough.
var classes = []symbolon.Class{
	{Name: "phone-code", Sets: [][]symbolon.Method{{symbolon.MethodSMS}, {symbolon.MethodCall}}},
}

// Two sets of policies, with two owners: what employees may, and what the
// customer's side allows. Both are checked against the schema when the server
// starts; a misspelt attribute stops it with file, line and reason.
//
//go:embed policies/actor.cedar policies/subject.cedar
var policyFiles embed.FS

func newGuard(r *symbolon.Realm, provable authz.Methods) (*authz.Guard, error) {
	return authz.NewGuard(r, authz.Config{
		ActorSet:   authz.PolicyFS(policyFiles, "policies/actor.cedar"),
		SubjectSet: authz.PolicyFS(policyFiles, "policies/subject.cedar"),
		Actions:    actions,
	}, &authz.Options{Schema: attributes, Methods: provable})
}
