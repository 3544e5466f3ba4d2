package jose

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
)

// lowOrder holds the y of the points whose order divides 8, in the canonical
// encoding of RFC 8032 and without the sign bit. With such a key a signature
// made by nobody fits one message in eight, or every message.
var lowOrder = [...]string{
	"0000000000000000000000000000000000000000000000000000000000000000", // order 4
	"0100000000000000000000000000000000000000000000000000000000000000", // order 1
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
}

// checkPoint refuses public keys that are no key, whoever presents them.
func checkPoint(k ed25519.PublicKey) error {
	if len(k) != ed25519.PublicKeySize {
		return fmt.Errorf("jose: an Ed25519 public key has %d bytes, not %d", ed25519.PublicKeySize, len(k))
	}
	y := bytes.Clone(k)
	y[31] &= 0x7f
	// y >= p has a second, smaller spelling: one key would have two ids.
	if y[0] >= 0xed && y[31] == 0x7f && bytes.Count(y[1:31], []byte{0xff}) == 30 {
		return errors.New("jose: the Ed25519 public key is not in its canonical form")
	}
	for _, low := range lowOrder {
		if hex.EncodeToString(y) == low {
			return errors.New("jose: the Ed25519 public key has a low order")
		}
	}
	return nil
}
