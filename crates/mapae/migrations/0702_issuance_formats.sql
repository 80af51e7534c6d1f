-- Which configurations of an offer are issued: each leads to one batch of copies, all of the same badge.
CREATE TABLE issuance_offer_issued (
    offer_id      TEXT   NOT NULL REFERENCES issuance_offer (id) ON DELETE CASCADE,
    configuration TEXT   NOT NULL,
    issued_at     BIGINT NOT NULL,
    PRIMARY KEY (offer_id, configuration)
);
-- A suspension or a revocation ends what an issued offer has not led to yet.
ALTER TABLE issuance_offer ADD COLUMN closed_at BIGINT;
