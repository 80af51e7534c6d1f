-- In which language somebody gets text messages; Korean where nothing stands.
CREATE TABLE notification_language (
    employee_id TEXT   NOT NULL PRIMARY KEY,
    language    TEXT   NOT NULL,               -- ko | en
    changed_at  BIGINT NOT NULL
);

-- A second phone (of the household, say) that hears notices, too. A new number replaces the old one only when its code came back.
CREATE TABLE notification_contact (
    employee_id  TEXT   NOT NULL PRIMARY KEY,
    phone        BLOB,                         -- sealed: proven
    proven_at    BIGINT,
    pending      BLOB,                         -- sealed: waits for its code
    code_hash    BLOB,
    code_tries   BIGINT NOT NULL,
    code_ends_at BIGINT NOT NULL,
    sends        BIGINT NOT NULL,
    window_at    BIGINT NOT NULL
);
