package token

import (
	"strconv"
	"time"

	"github.com/symbolon-auth/symbolon"
)

// claims is what a token says, in its own shape. The registered claims are for
// every reader; what only we read lies in one private claim, sym.
//
//	{"iss":"crm","sub":"cust-42","aud":"crm-api","client_id":"crm",
//	 "iat":1763800000,"exp":1763800300,"jti":"tok-...",
//	 "act":{"sub":"mia"},
//	 "amr":["sms"],"auth_time":1763799990,
//	 "sym":{"v":1,"tenant":"acme",
//	   "actor":{"session":"s/...","epoch":3,"proofs":[{"by":"pwd","at":1763790000}]},
//	   "subject":{"epoch":1,"proofs":[{"by":"sms","at":1763799990,"in":"i...","for":"sim.change"}]},
//	   "interaction":{"id":"i...","leg":1,"verification":"v...","channel":"phone","opened":1763799900}}}
//
// amr and auth_time describe the sub and nobody else (TK-40). They are written
// for other readers and not read here: the proofs in sym say the same, each
// with its own time. In the token of an employee alone the sub is the employee,
// and act, sym.subject and sym.interaction are missing. There are ids in a
// token, and no personal data (TK-21).
type claims struct {
	kind     kind
	issuer   string
	sub      string
	audience []string
	client   string
	id       string
	act      string // the employee of a composite; empty in the other kind

	issued, notBefore, expires time.Time

	tenant  string
	actor   party
	subject *party   // nil in the token of an employee alone
	contact *contact // as subject
}

// party is what one of the two proved, and on what that rests.
type party struct {
	session string // an actor's; a subject has none
	epoch   uint64
	proofs  []symbolon.Proof
}

// contact is the interaction, and what of it must still be so.
type contact struct {
	symbolon.Interaction
	leg          uint64
	verification string
}

const version = 1 // of sym; whoever adds a member that must be understood raises it

// appendTo appends the claims as JSON.
func (c *claims) appendTo(b []byte) []byte {
	proved := symbolon.Verification{Proofs: c.actor.proofs}
	if c.kind == composite {
		proved.Proofs = c.subject.proofs
	}
	b = appendText(b, `{"iss":`, c.issuer)
	b = appendText(b, `,"sub":`, c.sub)
	b = appendText(b, `,"aud":`, c.audience[0])
	b = appendText(b, `,"client_id":`, c.client)
	b = appendTime(b, `,"iat":`, c.issued)
	b = appendTime(b, `,"exp":`, c.expires)
	b = appendText(b, `,"jti":`, c.id)
	if c.kind == composite {
		b = append(appendText(b, `,"act":{"sub":`, c.act), '}')
	}
	b = append(b, `,"amr":`...)
	for i, m := range proved.Methods() {
		b = appendText(b, opener(i), string(m))
	}
	b = appendTime(b, `],"auth_time":`, proved.Since())

	b = appendNumber(b, `,"sym":{"v":`, version)
	b = appendText(b, `,"tenant":`, c.tenant)
	b = appendText(b, `,"actor":{"session":`, c.actor.session)
	b = appendNumber(b, `,"epoch":`, c.actor.epoch)
	b = appendProofs(b, c.actor.proofs)
	if c.kind == composite {
		b = appendNumber(b, `},"subject":{"epoch":`, c.subject.epoch)
		b = appendProofs(b, c.subject.proofs)
		b = appendText(b, `},"interaction":{"id":`, string(c.contact.ID))
		b = appendNumber(b, `,"leg":`, c.contact.leg)
		b = appendText(b, `,"verification":`, c.contact.verification)
		b = appendText(b, `,"channel":`, c.contact.Channel)
		b = appendTime(b, `,"opened":`, c.contact.Opened)
	}
	return append(b, "}}}"...)
}

// appendProofs keeps each proof as it is: method, time, interaction, operation.
func appendProofs(b []byte, proofs []symbolon.Proof) []byte {
	b = append(b, `,"proofs":`...)
	for i, p := range proofs {
		b = append(b, opener(i)...)
		b = appendText(b, `{"by":`, string(p.Method))
		b = appendTime(b, `,"at":`, p.At)
		if p.Interaction != "" {
			b = appendText(b, `,"in":`, string(p.Interaction))
		}
		if p.For != "" {
			b = appendText(b, `,"for":`, p.For)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// opener is what comes before the element i of an array. No array of ours is
// empty.
func opener(i int) string {
	if i == 0 {
		return "["
	}
	return ","
}

func appendText(b []byte, before, value string) []byte {
	return appendString(append(b, before...), value)
}

func appendNumber(b []byte, before string, value uint64) []byte {
	return strconv.AppendUint(append(b, before...), value, 10)
}

// appendTime writes whole seconds, rounded down: no proof becomes younger.
func appendTime(b []byte, before string, t time.Time) []byte {
	return strconv.AppendInt(append(b, before...), t.Unix(), 10)
}

// appendString appends s, which is valid UTF-8, as a JSON string.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
