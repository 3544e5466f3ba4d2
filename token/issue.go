package token

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// Issue returns a token for a Principal: one for the employee alone, or one for
// both if the customer proved who they are. It expires after the lifetime, and
// never later than the weakest thing that the Principal rests on.
//
// The error wraps [symbolon.ErrRefused], and says why, for nobody, for a
// Principal of another realm, for one whose customer is claimed and not proved,
// for one that is over, and for an employee who serves themselves; it wraps
// [symbolon.ErrUnavailable] if the store cannot tell whether the Principal is
// still live.
func (t *Tokens) Issue(ctx context.Context, p symbolon.Principal) (Raw, error) {
	if t.config.Key.IsZero() {
		return Raw{}, fmt.Errorf("token: %w: Config.Key is missing; this Tokens only verifies", symbolon.ErrInvalid)
	}
	c, st, err := t.claim(p)
	if err != nil {
		return Raw{}, err
	}
	if err := stamp.Check(ctx, t.space, st); err != nil {
		return Raw{}, checked(err, notIssued("what the Principal rests on is over"))
	}
	return t.sign(&c)
}

// claim returns what the token for p shall say, and on what it rests.
func (t *Tokens) claim(p symbolon.Principal) (claims, seal.Stamps, error) {
	f, err := symbolon.Unseal(seal.Ours(), t.realm, p)
	if err != nil {
		return claims{}, seal.Stamps{}, fmt.Errorf("token: not issued: %w", err)
	}
	now, st := t.parts.Now(), f.Stamps
	life := t.lifetime
	if f.Limits.Token > 0 {
		life = min(life, f.Limits.Token)
	}
	if f.Proved {
		life = min(life, maxComposite)
	}
	expires := now.Add(life)
	if f.Limits.NotAfter.Before(expires) {
		expires = f.Limits.NotAfter
	}
	expires = expires.Truncate(time.Second)
	c := claims{
		kind:     employee,
		issuer:   t.config.Issuer,
		sub:      st.Actor,
		audience: []string{t.config.Audience},
		client:   t.config.ClientID,
		issued:   now,
		expires:  expires,
		tenant:   t.parts.Tenant,
		actor:    party{session: st.Session, epoch: st.ActorEpoch, proofs: f.ActorProof.Proofs},
	}
	if f.Proved {
		c.kind, c.sub, c.act = composite, st.Subject, st.Actor
		c.subject = &party{epoch: st.SubjectEpoch, proofs: f.SubjectProof.Proofs}
		c.contact = &contact{f.Interaction, st.Leg, st.Verification}
	}
	switch {
	case f.Claimed != nil && !f.Proved:
		err = notIssued("the customer is claimed and not proved; confirm a challenge first")
	case !expires.After(now):
		err = notIssued("the Principal is over; sign in or verify the customer again")
	case f.Claimed != nil && f.Actor.Person != "" && f.Actor.Person == f.Claimed.Person: // TK-44
		err = notIssued("the employee and the customer are one person; somebody else must serve them")
	default:
		err = c.writable()
	}
	return c, st, err
}

// writable refuses what would not be read back as it was.
func (c *claims) writable() error {
	proofs := c.actor.proofs
	if c.kind == composite {
		proofs = append(proofs[:len(proofs):len(proofs)], c.subject.proofs...)
		if !writableTime(c.contact.Opened) || !utf8.ValidString(c.contact.Channel) {
			return notWritten("the interaction has no time, or a channel that is not UTF-8")
		}
	}
	for _, p := range proofs {
		if p.Method == "" || !writableTime(p.At) || !utf8.ValidString(string(p.Method)+p.For) {
			return notWritten("a proof has no method or time, or text that is not UTF-8")
		}
	}
	return nil
}

func writableTime(t time.Time) bool { return 0 < t.Unix() && t.Unix() <= maxTime }

// sign writes and signs the token.
func (t *Tokens) sign(c *claims) (Raw, error) {
	var err error
	if c.id, err = table.NewID(t.parts.Rand, "tok-"); err != nil {
		return Raw{}, fmt.Errorf("token: %w", err)
	}
	payload := c.appendTo(make([]byte, 0, 1024))
	b := make([]byte, 0, 2048)
	b = append(append(b, t.headers[c.kind]...), '.')
	b = strict.AppendEncode(b, payload)
	sig, err := t.config.Key.key.Sign(b)
	if err != nil { // a key kept elsewhere may be out of reach
		return Raw{}, fmt.Errorf("token: %w: sign: %w", symbolon.ErrUnavailable, err)
	}
	b = strict.AppendEncode(append(b, '.'), sig)
	if len(b) > maxToken {
		return Raw{}, notWritten("there are too many proofs for one token")
	}
	return FromString(string(b)), nil
}

func notIssued(why string) error {
	return fmt.Errorf("token: not issued: %w: %s", symbolon.ErrRefused, why)
}

func notWritten(why string) error {
	return fmt.Errorf("token: not issued: %w: %s", symbolon.ErrInvalid, why)
}
