package storage

// Limits of the contract. A store must accept everything up to them and refuse
// everything beyond them.
const (
	// MaxOps bounds the ops of a batch and the names of a Get. A third of what
	// DynamoDB takes in one transaction, and few enough that a script inside
	// Redis or one SQL statement stays short.
	MaxOps = 32

	// MaxName bounds the bytes of a name and of a shard. Both together fit
	// into one index key of every common engine (MySQL 3072, DynamoDB 1024 for
	// the name).
	MaxName = 512

	// MaxValue bounds the bytes of a record, log pages aside. The library keeps
	// it for itself: a record that has grown beyond this is a design fault, and
	// it must show before a customer's database feels it.
	MaxValue = 64 << 10

	// MaxPage bounds the bytes of any value, and is used for pages of the audit
	// log alone. It leaves room under DynamoDB's 400 KB for an item.
	MaxPage = 256 << 10

	// MaxBatch bounds the bytes of all values of a batch, half of what DynamoDB
	// takes in a transaction and far below MySQL's smallest usual packet.
	MaxBatch = MaxOps * MaxValue

	// MaxRoom bounds what the wrappers around a store may add to each value, see
	// Batch.Room: enough for several that encrypt.
	MaxRoom = 128

	// MaxScan bounds the records of one Scan, so that one page of full-sized
	// records stays within 64 MiB.
	MaxScan = 1024
)
