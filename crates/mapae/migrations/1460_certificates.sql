-- A certificate on paper: what an approved request of a type with a `[document]` was printed as, once for each language.
CREATE TABLE certificate_document (
    id           TEXT   NOT NULL PRIMARY KEY,
    request_id   TEXT   NOT NULL REFERENCES credential_request (id),
    employee_id  TEXT   NOT NULL,
    language     TEXT   NOT NULL CHECK (language IN ('ko', 'en')),
    number_index BLOB   NOT NULL UNIQUE,   -- keyed hash of the document number
    content      BLOB   NOT NULL,          -- sealed JSON: the number, and what was printed
    pdf          BLOB   NOT NULL,          -- sealed
    digest       BLOB   NOT NULL UNIQUE,   -- SHA-256 of the file: whoever has the file may ask how it stands
    issued_at    BIGINT NOT NULL,
    online_until BIGINT NOT NULL,          -- until when the number is answered; the signature holds for ever
    UNIQUE (request_id, language)
);
CREATE INDEX certificate_document_employee ON certificate_document (employee_id, issued_at);

-- Numbers asked for at the public page, by keyed hash of the source.
CREATE TABLE certificate_throttle (
    source         BLOB   NOT NULL PRIMARY KEY,
    tries          BIGINT NOT NULL,
    window_ends_at BIGINT NOT NULL
);
CREATE INDEX certificate_throttle_end ON certificate_throttle (window_ends_at);

-- Keys that signed a QR code of a certificate: paper lasts longer than they do.
CREATE TABLE certificate_signer (
    jkt           TEXT   NOT NULL PRIMARY KEY, -- RFC 7638
    jwk           TEXT   NOT NULL,
    first_used_at BIGINT NOT NULL
);

-- Links to a certificate: opened once, with a number that is told another way.
CREATE TABLE certificate_link (
    id           BLOB   NOT NULL PRIMARY KEY,  -- keyed hash of the token in the address
    document_id  TEXT   NOT NULL REFERENCES certificate_document (id),
    number_index BLOB   NOT NULL,              -- keyed hash of token and number
    tries        BIGINT NOT NULL,              -- counted before the number is compared
    ends_at      BIGINT NOT NULL,
    opened_at    BIGINT
);
CREATE INDEX certificate_link_document ON certificate_link (document_id, ends_at);
CREATE INDEX certificate_link_end ON certificate_link (ends_at);
