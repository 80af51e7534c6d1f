-- How far a copy into this store has come, table by table, and what it must hold when it is whole: a backup, a restore
-- and a move to another engine are such copies. The header has the empty name.
CREATE TABLE store_copy (
    name     TEXT   NOT NULL PRIMARY KEY,
    after    TEXT,                              -- JSON: the primary key of the last row that is here
    rows     BIGINT NOT NULL,
    digest   BLOB,                              -- over all rows; NULL: the table is not whole yet
    at       BIGINT NOT NULL
);
