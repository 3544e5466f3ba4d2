package token

import (
	"math"
	"time"

	"github.com/symbolon-auth/symbolon"
)

// readClaims reads the claims of a token whose signature holds. Which of them
// must be there depends on the kind; one that is empty counts as missing. Times
// and names are compared elsewhere, see [Tokens.Verify].
func readClaims(k kind, text string) (claims, error) {
	c := claims{kind: k}
	err := scan(text, c.member)
	switch {
	case err == errJSON:
		err = refuse("claims: not the strict JSON that they should be")
	case err != nil:
	case c.issuer == "" || c.sub == "" || len(c.audience) == 0 || c.client == "" || c.id == "" || c.issued.IsZero() || c.expires.IsZero():
		err = refuse("claims: one of those that every token has is missing") // TK-02
	case c.kind == composite && (c.act == "" || c.subject == nil || c.contact == nil),
		c.kind == employee && (c.act != "" || c.subject != nil || c.contact != nil):
		err = refuse("claims: of another kind than the header says") // TK-16
	}
	return c, err
}

func (c *claims) member(s *scanner, name string) error {
	switch name {
	case "iss":
		return readText(s, &c.issuer)
	case "sub":
		return readText(s, &c.sub)
	case "aud":
		return readAudience(s, &c.audience)
	case "client_id":
		return readText(s, &c.client)
	case "jti":
		return readText(s, &c.id)
	case "iat":
		return readTime(s, &c.issued)
	case "nbf":
		return readTime(s, &c.notBefore)
	case "exp":
		return readTime(s, &c.expires)
	case "act":
		return s.object(c.actMember)
	case "sym":
		v := uint64(0)
		err := s.object(func(s *scanner, name string) error { return c.symMember(s, name, &v) })
		if err == nil && v != version {
			err = refuse("claims: another version of sym")
		}
		return err
	case "cnf":
		// A token bound to a key that nobody here asks for must not pass as
		// one that anybody may carry (TK-112).
		return refuse("claims: bound to a key, and nothing here checks that")
	}
	return s.skip()
}

// actMember reads act: the employee's id and nothing beside it (TK-32). An
// actor within the actor is refused until handover writes one (TK-31).
func (c *claims) actMember(s *scanner, name string) error {
	if name != "sub" {
		return refuse("claims: act names more than the employee")
	}
	return readText(s, &c.act)
}

// symMember reads what is ours. A member that we do not know may be one that
// takes rights away, so it is refused and not skipped.
func (c *claims) symMember(s *scanner, name string, v *uint64) error {
	switch name {
	case "v":
		return readNumber(s, v)
	case "tenant":
		return readText(s, &c.tenant)
	case "actor":
		return s.object(c.actor.member)
	case "subject":
		c.subject = new(party)
		return s.object(c.subject.member)
	case "interaction":
		c.contact = new(contact)
		return s.object(c.contact.member)
	}
	return errUnknown()
}

func (p *party) member(s *scanner, name string) error {
	switch name {
	case "session":
		return readText(s, &p.session)
	case "epoch":
		return readNumber(s, &p.epoch)
	case "proofs":
		return s.array(func(s *scanner) error {
			var proof symbolon.Proof
			err := s.object(func(s *scanner, name string) error { return proofMember(s, name, &proof) })
			if err == nil && (proof.Method == "" || proof.At.IsZero()) {
				err = refuse("claims: a proof without method or time")
			}
			p.proofs = append(p.proofs, proof)
			return err
		})
	}
	return errUnknown()
}

func proofMember(s *scanner, name string, p *symbolon.Proof) error {
	switch name {
	case "by":
		return readText(s, &p.Method)
	case "at":
		return readTime(s, &p.At)
	case "in":
		return readText(s, &p.Interaction)
	case "for":
		return readText(s, &p.For)
	}
	return errUnknown()
}

func (c *contact) member(s *scanner, name string) error {
	switch name {
	case "id":
		return readText(s, &c.ID)
	case "leg":
		return readNumber(s, &c.leg)
	case "verification":
		return readText(s, &c.verification)
	case "channel":
		return readText(s, &c.Channel)
	case "opened":
		return readTime(s, &c.Opened)
	}
	return errUnknown()
}

func errUnknown() error { return refuse("claims: a member of sym that this version does not know") }

// readAudience reads one name or a list of them.
func readAudience(s *scanner, to *[]string) error {
	one := func(s *scanner) error {
		var name string
		err := readText(s, &name)
		*to = append(*to, name)
		return err
	}
	if s.next() == '[' {
		return s.array(one)
	}
	return one(s)
}

func readText[T ~string](s *scanner, to *T) error {
	text, err := s.string()
	*to = T(text)
	return err
}

func readNumber(s *scanner, to *uint64) (err error) {
	*to, err = s.integer(math.MaxUint64)
	return err
}

// readTime reads whole seconds after 1970; zero is no time.
func readTime(s *scanner, to *time.Time) error {
	n, err := s.integer(maxTime)
	if err == nil && n == 0 {
		err = errJSON
	}
	*to = time.Unix(int64(n), 0).UTC()
	return err
}
