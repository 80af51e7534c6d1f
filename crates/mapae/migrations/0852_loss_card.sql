-- The plastic card that goes on working beside the badge. Losing one says nothing of the other.
CREATE TABLE loss_card (
    employee_id TEXT   NOT NULL PRIMARY KEY,
    number      BLOB   NOT NULL,               -- sealed
    state       TEXT   NOT NULL,               -- linked | lost
    linked_by   TEXT   NOT NULL,
    linked_at   BIGINT NOT NULL,
    lost_by     TEXT,
    lost_at     BIGINT
);
