//! Every timeout, attempt limit and size bound, in one table. `docs/limits.md` is generated from it.
//!
//! A folder adds a line to its own section and uses the constant; a bound that is not here does not exist.

use std::time::Duration;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Milliseconds,
    Bytes,
    Count,
}

/// One bound: its name, value, and why it is so.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub section: &'static str,
    pub name: &'static str,
    pub value: i64,
    pub unit: Unit,
    pub why: &'static str,
}

impl Limit {
    /// The value in its own unit.
    pub const fn get(&self) -> i64 {
        self.value
    }

    /// A bound in milliseconds, as a duration.
    pub const fn duration(&self) -> Duration {
        Duration::from_millis(self.value.unsigned_abs())
    }

    /// A bound in bytes or pieces, as a size.
    pub const fn size(&self) -> usize {
        self.value.unsigned_abs() as usize
    }
}

macro_rules! limits {
    ($($section:literal { $($name:ident = $value:expr, $unit:ident, $why:literal;)* })*) => {
        $($(
            #[doc = $why]
            pub const $name: Limit = Limit {
                section: $section, name: stringify!($name), value: $value, unit: Unit::$unit, why: $why,
            };
        )*)*
        /// The whole table, in the order of the documentation.
        pub const LIMITS: &[Limit] = &[$($($name),*),*];
    };
}

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
#[allow(dead_code)] // sections of other folders use it
const DAY: i64 = 24 * HOUR;
const KIB: i64 = 1_024;
const MIB: i64 = 1_024 * KIB;

limits! {
    "store" {
        STORE_UNIT = 5 * SECOND, Milliseconds, "A unit of work that takes longer is rolled back: everybody waits behind the one writer.";
        STORE_GROUP = 64, Count, "Units of work in one commit.";
        STORE_GROUP_TIME = 8, Milliseconds, "A group that has run this long is committed, so that the first of it does not wait for the last.";
        STORE_QUEUE = 4_096, Count, "Units that may wait for the writer; further callers wait for a place.";
        STORE_BUSY = 5 * SECOND, Milliseconds, "How long SQLite waits for another process that holds the write lock.";
        STORE_STATEMENTS = 512, Count, "Prepared statements kept for each connection.";
        STORE_READERS = 4, Count, "Read connections of a SQLite store.";
        STORE_CONNECTIONS = 32, Count, "Connections of one process to PostgreSQL.";
        STORE_ACQUIRE = 5 * SECOND, Milliseconds, "How long a caller waits for a free connection.";
        ONCE_SWEEP = MINUTE, Milliseconds, "How often expired single-use marks are removed.";
        ONCE_SWEEP_ROWS = 1_000, Count, "Expired single-use marks removed in one commit.";
    }
    "http" {
        HTTP_BODY = 256 * KIB, Bytes, "A request body; routes that need more say so themselves.";
        HTTP_HEADER = 32 * KIB, Bytes, "All headers of a request together.";
        HTTP_HEADER_TIME = 10 * SECOND, Milliseconds, "Time for a client to send its headers (slow-loris).";
        HTTP_REQUEST_TIME = 30 * SECOND, Milliseconds, "Time for a request from first to last byte.";
        HTTP_TLS_TIME = 10 * SECOND, Milliseconds, "Time for a TLS handshake.";
        HTTP_CONNECTIONS = 10_000, Count, "Open connections of one listener; further ones wait in the kernel.";
        HTTP_STREAMS = 128, Count, "Streams of one HTTP/2 connection.";
        HTTP_STOP = 20 * SECOND, Milliseconds, "Time for requests in flight to finish when the server stops.";
        HTTP_CLIENT_CONNECT = 5 * SECOND, Milliseconds, "Connecting to another server.";
        HTTP_CLIENT_TIME = 15 * SECOND, Milliseconds, "A whole request to another server.";
        PAGE_ROWS = 100, Count, "Rows of one page of a list.";
        JSON_DEPTH = 32, Count, "Nesting of JSON that is walked through recursively.";
    }
    "tokens" {
        TOKEN_BYTES = 4 * KIB, Bytes, "A sealed token as text.";
        ONCE_ID = 128, Bytes, "The id of a single-use mark.";
    }
    "personnel" {
        IMPORT_FILE = 512 * MIB, Bytes, "A CSV file to import.";
        IMPORT_LINE = 16 * KIB, Bytes, "One line of a CSV file.";
        IMPORT_GROUP = 500, Count, "Rows of one commit of an import.";
        IMPORT_GROUP_TIME = 50, Milliseconds, "An import commits after this time even if fewer rows are ready, so that logins beside it stay quick.";
        IMPORT_ERRORS = 1_000, Count, "Bad rows reported one by one; the rest is counted.";
    }
}
