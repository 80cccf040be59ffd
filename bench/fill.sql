-- A year of Gridcall in some statements. Event e of :events; the last :open of them came within the last hour and are open.
-- Of each five notifications, four attempts, six entries of the timeline, three of the agenda.

CREATE FUNCTION pg_temp.uid(ms bigint, n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7' || lpad(to_hex(n % 4096), 3, '0') || '-8000-' || lpad(to_hex(n), 12, '0')
    FROM (SELECT lpad(to_hex(ms), 12, '0') AS h) AS hex
$$;

CREATE TEMPORARY TABLE filling AS
SELECT e, ms, ms * 1000 AS us, pg_temp.uid(ms, e) AS pk, e > :events - :open AS is_open
FROM (
    SELECT e, (extract(epoch FROM now()) * 1000)::bigint - CASE
        WHEN e > :events - :open THEN 60000 + ((:events - e) * 3500000::bigint / :open)
        ELSE 3600000 + ((:events - :open - e) * 31000000000::bigint / (:events - :open)) END AS ms
    FROM generate_series(1, :events) AS e
) AS dated;

INSERT INTO bodies (id, source, received_at, body, sha256, headers, sender, signature, request_id, truncated)
SELECT pk, 'miso', us, convert_to(repeat('{"x": 1}', 20), 'UTF8'), repeat('a', 64), '{}', '', '', '', false FROM filling;

INSERT INTO deliveries (id, body_id, member, source, received_at, decided_at, state, event_pk, event_id, revision, detail)
SELECT pk, pk, 0, 'miso', us, us, 'planned', pk, 'E-' || e, 1, '' FROM filling;

INSERT INTO placing_keys (source, key) SELECT 'miso', 'E-' || e FROM filling;

INSERT INTO events (pk, source, event_id, status, severity, answer_revision, received_at, deadline_at, work_until, route, policy, team, roster_version, closed_at)
SELECT pk, 'miso', 'E-' || e, CASE WHEN is_open THEN 'open' ELSE 'closed' END, 'critical', 1, us, us + 7200000000, us + 7200000000,
    'catch-all', 'default', 'ops', 1, CASE WHEN is_open THEN NULL ELSE us + 600000000 END
FROM filling;

INSERT INTO revisions (event_pk, number, content, parsed, digest, delivery_id, received_at, needs_answer, changes)
SELECT pk, 1, '{"event_id": "E-' || e || '", "revision": 1, "message_type": "new", "headline": "cut"}', '{}', repeat('b', 64), pk, us, true, '[]' FROM filling;

-- Rows 0 and 1 are over or sent; of an open event 2, 3 and 4 come later, but of the newest events 2 and 3 are due.
INSERT INTO notifications (id, event_pk, revision, kind, channel, address, person, step, grp, try_no, lane, due_at, until, details, slot, state, reason, lease_owner, look_at, sent_at, cut_requested_at, cut_done_at, hold)
SELECT pg_temp.uid(ms, e * 10 + i), pk, 1, 'alert', channel,
    '+1312' || lpad(((e * 7 + i) % 2000)::text, 7, '0'), 'p' || (e % 2000), i, 'UTC ops', 1, e % 3,
    CASE WHEN later THEN us + 7200000000 ELSE us END, us + 9000000000, '{}', 'slot/' || i, state, '',
    CASE WHEN state = 'sending' THEN 'bench' END, CASE WHEN state = 'unknown' THEN us END,
    CASE WHEN state IN ('sent', 'acknowledged') THEN us END,
    CASE WHEN state IN ('superseded', 'acknowledged') AND channel = 'voice' THEN us END,
    CASE WHEN state = 'acknowledged' AND channel = 'voice' THEN us END,
    CASE WHEN state = 'pending' AND channel = 'voice' AND e % 1000 = 0 AND i = 2 THEN 'number_busy' END
FROM (
    SELECT filling.*, i, (ARRAY['slack_channel', 'sms', 'voice', 'sms', 'voice'])[i + 1] AS channel,
        is_open AND (i = 4 OR i > 1 AND e <= :events - 300) AS later,
        CASE WHEN is_open AND i > 1 THEN 'pending'
            WHEN is_open AND e % 1000 = 1 AND i = 1 THEN 'unknown'
            WHEN is_open AND e % 1000 = 2 AND i = 1 THEN 'sending'
            WHEN i < 2 THEN 'sent'
            WHEN i = 2 THEN 'acknowledged'
            ELSE 'superseded' END AS state
    FROM filling, generate_series(0, 4) AS i
) AS rows;

INSERT INTO notification_events (notification_id, event_pk)
SELECT pg_temp.uid(ms, e * 10 + i), pk FROM filling, generate_series(0, 4) AS i;

INSERT INTO attempts (id, notification_id, event_pk, channel, address, part, parts, words, template, payload, started_at, ended_at, state, vendor_id, error)
SELECT pg_temp.uid(ms + 5, e * 10 + i), pg_temp.uid(ms, e * 10 + i), pk, (ARRAY['slack_channel', 'sms', 'voice', 'slack_dm'])[i + 1],
    '+1312' || lpad(((e * 7 + i) % 2000)::text, 7, '0'), 1, 1, repeat('REDUCE 12.5 MW by 16:30. ', 6), 'alert', '{}', us + 5000, us + 200000,
    'accepted', 'CA' || e || '-' || i, ''
FROM filling, generate_series(0, 3) AS i WHERE i < 2 OR NOT is_open;

INSERT INTO receipts (attempt_id, kind, sequence, received_at, raw)
SELECT pg_temp.uid(ms + 5, e * 10 + i), 'delivered', 0, us, '{}' FROM filling, generate_series(0, 1) AS i;

INSERT INTO timeline (id, event_pk, at, kind, body, private_sha256, salt, seal_no, prev_hash, hash)
SELECT pg_temp.uid(ms + i, e * 10 + i), pk, us + i * 1000, 'attempt_started', '{"attempt": "' || e || '", "channel": "sms"}', '', '',
    CASE WHEN e < :events - 100 THEN i + 1 END, CASE WHEN e < :events - 100 THEN repeat('c', 64) END, CASE WHEN e < :events - 100 THEN repeat('d', 64) END
FROM filling, generate_series(0, 5) AS i ORDER BY e, i;

INSERT INTO agenda (id, event_pk, kind, due_at, lane, revision, step, asleep, cause, slot, state, done_at)
SELECT pg_temp.uid(ms + i, e * 10 + i), pk, (ARRAY['revise', 'verdict', 'step'])[i + 1],
    CASE WHEN is_open AND i > 0 AND e <= :events - 300 THEN us + 7200000000 ELSE us END, e % 3, 1, i, false, '', 'slot/' || i,
    CASE WHEN is_open AND i > 0 THEN 'pending' ELSE 'done' END, CASE WHEN is_open AND i > 0 THEN NULL ELSE us END
FROM filling, generate_series(0, 2) AS i;

INSERT INTO reply_codes (number, code, opened_at, event_pk, revision, person, closes_at, closed_at)
SELECT '+1312' || lpad((e % 2000)::text, 7, '0'), chr(65 + (e / 2000 % 26)::int), us, pk, 1, 'p', us + 86400000000,
    CASE WHEN e > :events - 40000 THEN NULL ELSE us + 1000 END
FROM filling WHERE e <= :events - 40000 OR e % 10 = 0;

INSERT INTO replies (id, event_pk, revision, person, answer, channel, received_at, said, acted_by)
SELECT pk, pk, 1, 'p', 'acknowledge', 'voice', us, '1', '' FROM filling;

INSERT INTO voice_in_flight (number, attempt_id, since, until)
SELECT '+1999' || lpad(i::text, 7, '0'), pg_temp.uid(1, i), 0, 1 FROM generate_series(1, 20) AS i;

INSERT INTO verdicts (id, event_pk, revision, person, outcome, reason, at)
SELECT pk, pk, 1, NULL, 'met', '', us FROM filling WHERE NOT is_open;

VACUUM ANALYZE;
