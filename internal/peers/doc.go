// Package peers holds tests only: our tokens beside those of others, and the
// published vectors of Project Wycheproof. It is a module of its own, since what
// it needs is large and nobody else wants it.
//
// Run it with GOWORK=off. The benchmarks report x-bare, the ratio to the bare
// Ed25519 operation on the same bytes, as the median of rounds in turn; the
// benchmarks of package token report the same for ours without its store.
package peers
