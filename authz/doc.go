// Package authz decides whether an employee may do something, now, for a
// customer, and lets nothing happen without that decision.
//
// Most programs make one [Guard] with [NewGuard]. [Guard.Authorize] turns a
// Principal and a [Request] into a [Grant], or into an error that says no, or
// that one of the two must prove more ([StepUpError]). Code that changes
// something calls [Guard.Begin] with the Grant, acts on [Grant.Resource], and
// calls [Effect.End] with what came of it. Code that only reads asks
// [Guard.Holds]. Package httpauth does this for net/http.
//
// Three things must agree (S4): a floor in code, which no policy can lift; the
// actor's set of policies, what the employee may do; and the subject's set, what
// the customer's side allows. Policies are written in Cedar, in which the
// principal is the actor:
//
//	permit (principal in Role::"care", action == Action::"sim.change", resource is Line);
//	permit (principal, action, resource) when { context.subject.methods.contains("sms") };
//
// A policy can read principal.{kind, org, roles by "in", methods, ...}, resource.
// {id, account}, context.subject.{level, methods, classes, verifiedAt, ...},
// context.interaction, context.params, context.now, context.purpose, and what a
// host declares in [Options.Schema]: principal.host, context.subject.host,
// resource.host and context.env. [Guard.Schema] shows all of it with its types.
// An attribute that is not set silences every permit that reads it and arms every
// forbid (S5).
package authz
