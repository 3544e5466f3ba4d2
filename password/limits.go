package password

import "time"

// MaxBytes is how many bytes of a password are taken: 1024 characters of any script. It bounds the work that a stranger
// can order without an account.
const MaxBytes = 4096

// Bounds of what is read as a stored hash. Whoever writes the store, or sends us an export, must not choose how much
// memory a sign-in takes.
const (
	maxEncoded  = 1024       // bytes of any stored hash
	maxMemory   = 256 << 10  // KiB; more than libsodium's "moderate"
	maxWork     = 1024 << 10 // KiB times passes: about half a second
	maxLanes    = 16
	minSaltSize = 8 // bytes; the least that the reference implementation writes
	maxSaltSize = 64
	minTagSize  = 16 // bytes; a shorter tag could be met by guessing
	maxTagSize  = 64

	// Of imported hashes, about a second of work at the most. Defaults of other systems, and twice what OWASP demands of
	// scrypt and PBKDF2, are within.
	maxBcryptCost   = 14
	maxScryptWork   = 1 << 21 // N times r times p: 256 MiB where p is 1
	maxPBKDF2Rounds = 1 << 21 // for each block of the tag
	maxCryptWork    = 1 << 20 // rounds of $5$ and $6$ for every 64 bytes of a password
	maxCryptBytes   = 512     // of a password; the crypt library of Linux has the same limit
)

// What new hashes get.
const (
	saltSize = 16 // bytes, PW-13
	tagSize  = 32
)

const (
	defaultWaiters = 64 // about a second and a half of waiting on one core

	defaultMinLength = 15
	defaultMaxLength = 256
	leastMinLength   = 8            // NIST SP 800-63B-4 3.1.1.2, where the password is one of several factors
	leastMaxLength   = 64           // the same: longer ones must be welcome
	mostMaxLength    = MaxBytes / 4 // so that what a Policy allows can always be hashed

	day           = 24 * time.Hour
	mostHistory   = 24
	mostChanged   = 16
	mostTemporary = 30 * day
	mostExpiry    = 3650 * day // so that no sum of durations runs over
)
