-- How a login at a relying party is approved, beyond the level.
ALTER TABLE relying_party ADD COLUMN hardware BIGINT NOT NULL DEFAULT 0;    -- 1: beside acr 'pin', attested hardware
ALTER TABLE relying_party ADD COLUMN remembers BIGINT NOT NULL DEFAULT 0;   -- 1: the phone may remember its holder's consent
