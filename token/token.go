// Package token turns a Principal into bytes and back.
//
// Most programs call [New] once, [Tokens.Issue] where somebody signed in or a
// customer proved who they are, and [Tokens.VerifyRequest] at the start of each
// request:
//
//	tokens, err := token.New(realm, token.Config{Issuer: "crm", Audience: "crm-api", Key: key}, nil)
//	raw, err := tokens.Issue(ctx, principal)
//	principal, err := tokens.VerifyRequest(r)
//
// A token is a JWT signed with Ed25519, of one of two kinds: an employee alone,
// or an employee for a customer (RFC 9068 and RFC 8693: sub is the customer, act
// the employee). It carries ids, and each party's proofs with their times; what
// the parties are and may, Verify asks the directories. Nor does a token live on
// by itself: Verify asks the store whether the session, the interaction and the
// verification that it rests on are still there.
//
// Everything that is wrong with a token gives one answer, [ErrRefused]. The
// reason is in the [Refusal], for the host's log.
package token

import (
	"fmt"
	"strings"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// Config is what every Tokens needs.
type Config struct {
	Issuer   string // the iss claim, compared exactly; a URL, or a name within the installation
	Audience string // the aud claim: the service for which the tokens are
	Key      Key    // signs; it speaks for this issuer and this realm's tenant only; without one, and with Options.Accept, a Tokens only verifies
	ClientID string // the client_id claim; empty: the issuer is its own client
}

// Options is what a Tokens may be told. Nil means the defaults.
type Options struct {
	Lifetime time.Duration // of a token; 5 minutes by default, an hour at most, and 5 minutes for one that carries a customer
	Skew     time.Duration // how far the issuer's clock may be ahead; 30 seconds by default, 5 minutes at most
	Accept   []PublicKey   // further keys that verify: those before the present one, see PublicKey.Until
}

// Tokens issues and verifies the tokens of one realm, one issuer and one
// audience. It is immutable and safe for concurrent use.
type Tokens struct {
	realm    *symbolon.Realm
	parts    symbolon.RealmParts
	space    *table.Space
	config   Config
	lifetime time.Duration
	skew     time.Duration
	keys     map[string]PublicKey // by kid
	known    map[string]speaker   // by encoded header, as we write them ourselves
	headers  [len(typs)]string    // that we write, by kind
}

// speaker is what a header comes to: whose signature, on which kind.
type speaker struct {
	key  PublicKey
	kind kind
}

// New returns the Tokens of a realm. The error wraps [symbolon.ErrInvalid] and
// names everything that is missing or wrong at once.
func New(r *symbolon.Realm, c Config, opts *Options) (*Tokens, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Lifetime == 0 {
		o.Lifetime = defaultLifetime
	}
	if o.Skew == 0 {
		o.Skew = defaultSkew
	}
	if c.ClientID == "" {
		c.ClientID = c.Issuer
	}
	var wrong []string
	need := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	need(r != nil, "a Realm")
	need(validName(c.Issuer), "Config.Issuer (1 to 512 printable ASCII characters)")
	need(validName(c.Audience), "Config.Audience (1 to 512 printable ASCII characters)")
	need(validName(c.ClientID) || c.ClientID == c.Issuer, "Config.ClientID (the same as the issuer by default)")
	need(!c.Key.IsZero() || len(o.Accept) > 0, "Config.Key (see NewKey and KeyFrom), or Options.Accept to verify only")
	need(time.Second <= o.Lifetime && o.Lifetime <= maxLifetime, "Options.Lifetime between 1 second and 1 hour")
	need(0 <= o.Skew && o.Skew <= maxSkew, "Options.Skew of at most 5 minutes")
	keys := map[string]PublicKey{}
	if !c.Key.IsZero() {
		keys[c.Key.Public().ID()] = c.Key.Public()
	}
	for i, k := range o.Accept {
		_, twice := keys[k.ID()]
		need(k.ID() != "", fmt.Sprintf("Options.Accept[%d] to be a key", i))
		need(!twice, fmt.Sprintf("Options.Accept[%d] only once, and not the signing key", i))
		keys[k.ID()] = k
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("token: %w: New needs %s", symbolon.ErrInvalid, strings.Join(wrong, "; "))
	}

	parts := r.Parts(seal.Ours())
	t := &Tokens{
		realm:    r,
		parts:    parts,
		space:    table.New(parts.Store, parts.Tenant, parts.Now, parts.Rand),
		config:   c,
		lifetime: o.Lifetime,
		skew:     o.Skew,
		keys:     keys,
		known:    map[string]speaker{},
	}
	for _, k := range keys {
		for _, kind := range []kind{employee, composite} {
			t.known[headerFor(k, kind)] = speaker{k, kind}
		}
	}
	if !c.Key.IsZero() {
		for _, kind := range []kind{employee, composite} {
			t.headers[kind] = headerFor(c.Key.Public(), kind)
		}
	}
	return t, nil
}

// String names the issuer and the audience.
func (t *Tokens) String() string {
	return "tokens of " + t.config.Issuer + " for " + t.config.Audience
}

func headerFor(k PublicKey, kind kind) string {
	return writeHeader(header{alg: k.key.Algorithm().String(), kid: k.ID(), typ: typs[kind]})
}
