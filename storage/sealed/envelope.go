package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	"github.com/symbolon-auth/symbolon/storage"
)

// An envelope is what lies in the store:
//
//	1 byte   format, which is 1
//	4 bytes  number of the key, big endian
//	12 bytes nonce, random
//	n bytes  the value, encrypted
//	16 bytes tag
//
// It is XAES-256-GCM (C2SP) whose long nonce is the first 12 bytes of the version
// and then the 12 random ones: the former derive a key of this one write from the
// tenant's, the latter are the nonce under it. Plain AES-GCM with random nonces is
// good for 2^32 writes under one key, which a busy tenant reaches in a week; here
// a nonce is not met again within 2^80 writes, so no number of them demands a
// rotation. Both halves are drawn apart: a caller who used a version twice would
// otherwise give away the sum of two values and the key of their tags.
const (
	format   = 1
	headSize = 1 + 4

	// Overhead is by how many bytes a sealed value is longer.
	Overhead = headSize + 12 + 16
)

// key seals and opens under one number. The secret stays in the closure, since
// %+v looks through fields.
type key struct {
	number uint32
	derive func(storage.Version) (cipher.AEAD, error)
}

func newKey(tenant string, number uint32, kek []byte) (key, error) {
	data, err := hkdf.Key(sha256.New, kek, nil, "symbolon/sealed/1/"+tenant, 32)
	if err != nil {
		return key{}, fmt.Errorf("sealed: %w", err)
	}
	derive, err := xaes(data)
	if err != nil {
		return key{}, fmt.Errorf("sealed: %w", err)
	}
	return key{number, func(v storage.Version) (cipher.AEAD, error) { return derive([12]byte(v[:12])) }}, nil
}

// xaes returns the first half of XAES-256-GCM under a key: from the first half
// of a nonce it derives, with two blocks of CMAC in counter mode, a key for
// AES-256-GCM with the other half.
func xaes(data []byte) (func([12]byte) (cipher.AEAD, error), error) {
	block, err := aes.NewCipher(data)
	if err != nil {
		return nil, err
	}
	var k1 [aes.BlockSize]byte // the subkey of CMAC: the cipher of zeros, doubled in GF(2^128)
	block.Encrypt(k1[:], k1[:])
	carry := byte(0)
	for i := len(k1) - 1; i >= 0; i-- {
		k1[i], carry = k1[i]<<1|carry, k1[i]>>7
	}
	k1[15] ^= carry * 0x87
	return func(nonce [12]byte) (cipher.AEAD, error) {
		var derived [2 * aes.BlockSize]byte
		for i := range 2 {
			half := derived[i*aes.BlockSize:][:aes.BlockSize]
			half[1], half[2] = byte(i+1), 'X' // counter, label, and a zero between label and context
			copy(half[4:], nonce[:])
			subtle.XORBytes(half, half, k1[:])
			block.Encrypt(half, half)
		}
		own, err := aes.NewCipher(derived[:])
		if err != nil {
			return nil, err
		}
		return cipher.NewGCMWithRandomNonce(own)
	}, nil
}

// seal returns the envelope of a record that is about to be put.
func (k key) seal(shard string, r storage.Record) ([]byte, error) {
	aead, err := k.derive(r.Version)
	if err != nil {
		return nil, err
	}
	env := make([]byte, headSize, len(r.Value)+Overhead)
	env[0] = format
	binary.BigEndian.PutUint32(env[1:], k.number)
	return aead.Seal(env, nil, r.Value, binding(env[:headSize], shard, r)), nil
}

// open returns the value in the body of an envelope.
func (k key) open(shard string, r storage.Record, body []byte) ([]byte, bool) {
	aead, err := k.derive(r.Version)
	if err != nil {
		return nil, false
	}
	value, err := aead.Open(body[:0:0], nil, body, binding(r.Value[:headSize], shard, r))
	return value, err == nil
}

// parse takes an envelope apart without believing anything in it.
func parse(env []byte) (number uint32, body []byte, ok bool) {
	if len(env) < Overhead || env[0] != format {
		return 0, nil, false
	}
	return binary.BigEndian.Uint32(env[1:]), env[headSize:], true
}

// binding is what an envelope is bound to beside its value. The expiry is part
// of it: a session ends by expiring, so whoever can write into the database
// must not be able to make it last.
func binding(head []byte, shard string, r storage.Record) []byte {
	b := make([]byte, 0, len(head)+len(shard)+len(r.Name)+len(r.Version)+16)
	b = append(b, head...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(shard)))
	b = append(b, shard...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.Name)))
	b = append(b, r.Name...)
	b = append(b, r.Version[:]...)
	expires := int64(0) // never; no record can expire in 1970's first millisecond
	if !r.ExpiresAt.IsZero() {
		expires = r.ExpiresAt.UnixMilli()
	}
	return binary.BigEndian.AppendUint64(b, uint64(expires))
}
