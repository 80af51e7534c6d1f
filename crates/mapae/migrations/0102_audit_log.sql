-- The numbered log: an RFC 6962 tree over the records in the order of their numbers.
-- The head: how many records the tree holds and the roots of its perfect subtrees, largest first. Who numbers the next
-- records compares `size` and swaps it, so of two that try at once one does nothing.
CREATE TABLE audit_head (
    id    BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    size  BIGINT NOT NULL,
    peaks BLOB                                    -- NULL while the tree is empty
);
INSERT INTO audit_head (id, size) VALUES (1, 0);

-- Roots of full tiles: the hash at `position` of tile level `level` covers 256^level records.
CREATE TABLE audit_node (
    level    BIGINT NOT NULL,
    position BIGINT NOT NULL,
    hash     BLOB   NOT NULL,
    PRIMARY KEY (level, position)
);

-- Every checkpoint that was signed, by the size of its tree.
CREATE TABLE audit_checkpoint (
    size BIGINT NOT NULL PRIMARY KEY,
    note TEXT   NOT NULL,
    at   BIGINT NOT NULL
);
CREATE INDEX audit_personal_age ON audit_record (at) WHERE personal_commitment IS NOT NULL;
