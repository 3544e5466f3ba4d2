package backup

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A file is a head, the magic and 32 random bytes, and then chunks of 64 KiB,
// each sealed with AES-256-GCM as the STREAM construction has it: the nonce is
// the number of the chunk and a mark on the last one, so that chunks cannot be
// left out, doubled, exchanged or cut off. The key of a file is derived from the
// host's and the head, and so is used for this file alone.
const (
	magic     = "symbolon/backup/1\n"
	saltSize  = 32
	headSize  = len(magic) + saltSize
	chunkSize = 64 << 10
	tagSize   = 16
)

func cipherOf(key, head []byte) (cipher.AEAD, error) {
	own, err := hkdf.Key(sha256.New, key, head, "symbolon/backup/1", 32)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return cipher.NewGCM(block)
}

func nonce(chunk uint64, last bool) []byte {
	n := make([]byte, 12)
	binary.BigEndian.PutUint64(n[3:], chunk)
	if last {
		n[11] = 1
	}
	return n
}

// sealer seals what is written to it. Without Close the file is not whole.
type sealer struct {
	to    io.Writer
	aead  cipher.AEAD
	plain []byte
	chunk uint64
}

func newSealer(to io.Writer, key []byte, rand io.Reader) (*sealer, error) {
	head := append([]byte(magic), make([]byte, saltSize)...)
	if _, err := io.ReadFull(rand, head[len(magic):]); err != nil {
		return nil, fmt.Errorf("backup: draw a salt: %w", err)
	}
	aead, err := cipherOf(key, head)
	if err != nil {
		return nil, err
	}
	if _, err := to.Write(head); err != nil {
		return nil, fmt.Errorf("backup: write the file: %w", err)
	}
	return &sealer{to: to, aead: aead}, nil
}

func (s *sealer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if len(s.plain) == chunkSize { // more follows, so it is not the last
			if err := s.flush(false); err != nil {
				return 0, err
			}
		}
		fits := min(len(p), chunkSize-len(s.plain))
		s.plain, p = append(s.plain, p[:fits]...), p[fits:]
	}
	return n, nil
}

func (s *sealer) Close() error { return s.flush(true) }

func (s *sealer) flush(last bool) error {
	_, err := s.to.Write(s.aead.Seal(nil, nonce(s.chunk, last), s.plain, nil))
	if err != nil {
		return fmt.Errorf("backup: write the file: %w", err)
	}
	s.plain = s.plain[:0]
	s.chunk++
	return nil
}

// opener opens what a sealer wrote. It gives out no byte of a chunk that does
// not open, and io.EOF only after the last one.
type opener struct {
	from  *bufio.Reader
	aead  cipher.AEAD
	head  []byte
	plain []byte
	chunk uint64
	done  bool

	failed error // of the reader underneath
}

func newOpener(from io.Reader, key []byte) (*opener, error) {
	o := &opener{from: bufio.NewReaderSize(from, chunkSize), head: make([]byte, headSize)}
	switch _, err := io.ReadFull(o.from, o.head); {
	case err != nil:
		return nil, o.fail(err)
	case !bytes.HasPrefix(o.head, []byte(magic)):
		return nil, ErrDamaged
	}
	var err error
	o.aead, err = cipherOf(key, o.head)
	return o, err
}

func (o *opener) Read(p []byte) (int, error) {
	for len(o.plain) == 0 {
		if o.done {
			return 0, io.EOF
		}
		if err := o.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, o.plain)
	o.plain = o.plain[n:]
	return n, nil
}

func (o *opener) next() error {
	sealed := make([]byte, chunkSize+tagSize)
	n, err := io.ReadFull(o.from, sealed)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return o.fail(err)
	}
	if _, err := o.from.Peek(1); err == io.EOF {
		o.done = true
	} else if err != nil {
		return o.fail(err)
	}
	plain, err := o.aead.Open(sealed[:0], nonce(o.chunk, o.done), sealed[:n], nil)
	if err != nil {
		return ErrDamaged
	}
	o.plain = plain
	o.chunk++
	return nil
}

// fail tells a file that is too short from a disk that does not answer.
func (o *opener) fail(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrDamaged
	}
	o.failed = fmt.Errorf("backup: read the file: %w", err)
	return o.failed
}
