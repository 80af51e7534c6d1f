-- The platform's own keys, each sealed under the KEK (associated data: table, column, name and number).
-- state: next (opens already, not yet used for new work), active (used for new work), retired (still opens or verifies), revoked.
CREATE TABLE platform_key (
    name        TEXT   NOT NULL,
    key_id      BIGINT NOT NULL,
    state       TEXT   NOT NULL,
    sealed      BLOB   NOT NULL,
    certificate BLOB,
    created_at  BIGINT NOT NULL,
    retired_at  BIGINT,
    PRIMARY KEY (name, key_id)
);
CREATE UNIQUE INDEX platform_key_one_active ON platform_key (name) WHERE state = 'active';
