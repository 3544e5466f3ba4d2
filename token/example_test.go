package token_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/token"
)

func realm() *symbolon.Realm {
	secret, err := symbolon.NewSecret("2026-11", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		panic(err)
	}
	r, err := symbolon.NewRealm(symbolon.RealmConfig{
		Tenant: "acme", Store: memory.New(), Secret: secret, Actors: symbolon.ActorMap{}, Subjects: symbolon.SubjectMap{},
	}, nil)
	if err != nil {
		panic(err)
	}
	return r
}

// How do I replace the signing key without signing everybody out? The old one
// verifies until the last token that it signed has expired.
func ExamplePublicKey_Until() {
	old := token.NewKey()
	next, err := token.KeyFrom(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))) // or a module that keeps it
	if err != nil {
		panic(err)
	}
	tokens, err := token.New(realm(), token.Config{Issuer: "crm", Audience: "crm-api", Key: next}, &token.Options{
		Accept: []token.PublicKey{old.Public().Until(time.Now().Add(5 * time.Minute))},
	})
	fmt.Println(tokens, err)
	// Output: tokens of crm for crm-api <nil>
}

// What did I forget? One error names all of it.
func ExampleNew() {
	_, err := token.New(realm(), token.Config{Issuer: "crm"}, nil)
	fmt.Println(err)
	// Output: token: invalid input: New needs Config.Audience (1 to 512 printable ASCII characters); Config.Key (see NewKey and KeyFrom), or Options.Accept to verify only
}

// How do I keep tokens out of the log? A Raw does that by itself.
func ExampleRaw() {
	raw := token.FromString("eyJhbGciOiJFZERTQSJ9.e30.c2ln")
	fmt.Printf("%v %+v %q\n", raw, struct{ sent token.Raw }{raw}.sent, raw)
	fmt.Println(len(raw.Reveal()))
	// Output:
	// REDACTED REDACTED REDACTED
	// 29
}
