PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO goose_db_version VALUES(1,0,1,'2025-10-09 08:53:20');
INSERT INTO goose_db_version VALUES(2,1,1,'2025-10-09 08:53:20');
CREATE TABLE networks (
    id       TEXT   NOT NULL PRIMARY KEY,
    deleted  BIGINT NOT NULL,
    record   TEXT   NOT NULL
);
INSERT INTO networks VALUES('8056c2e21c000001',0,'{"id":"8056c2e21c000001","ownerId":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","name":"home & <garden>","description":"","private":true,"enableBroadcast":true,"mtu":2800,"multicastLimit":32,"routes":[],"ipAssignmentPools":[],"v4AssignMode":{"zt":true},"v6AssignMode":{"6plane":false,"rfc4193":false,"zt":false},"dns":{"domain":"","servers":null},"rulesSource":"# Only IPv4, ARP and IPv6 frames may travel on this network.\ndrop\n\tnot ethertype ipv4\n\tand not ethertype arp\n\tand not ethertype ipv6\n;\n\n# Remove the # from the next three lines to drop traffic whose source address\n# was not assigned to its sender.\n#drop\n#\tnot chr ipauth\n#;\n\n# Everything else is accepted.\naccept;\n","rules":[{"etherType":2048,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"etherType":2054,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"etherType":34525,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"type":"ACTION_DROP"},{"type":"ACTION_ACCEPT"}],"tags":[],"capabilities":[],"tagsByName":{},"capabilitiesByName":{},"ssoConfig":{"enabled":false,"mode":""},"ui":{},"remoteTraceLevel":0,"creationTime":1760000000000,"lastModified":0,"revision":1}');
INSERT INTO networks VALUES('8056c2e21c000002',0,'{"id":"8056c2e21c000002","ownerId":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","name":"home & <garden>","description":"","private":true,"enableBroadcast":true,"mtu":2800,"multicastLimit":32,"routes":[],"ipAssignmentPools":[],"v4AssignMode":{"zt":true},"v6AssignMode":{"6plane":false,"rfc4193":false,"zt":false},"dns":{"domain":"","servers":null},"rulesSource":"# Only IPv4, ARP and IPv6 frames may travel on this network.\ndrop\n\tnot ethertype ipv4\n\tand not ethertype arp\n\tand not ethertype ipv6\n;\n\n# Remove the # from the next three lines to drop traffic whose source address\n# was not assigned to its sender.\n#drop\n#\tnot chr ipauth\n#;\n\n# Everything else is accepted.\naccept;\n","rules":[{"etherType":2048,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"etherType":2054,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"etherType":34525,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"type":"ACTION_DROP"},{"type":"ACTION_ACCEPT"}],"tags":[],"capabilities":[],"tagsByName":{},"capabilitiesByName":{},"ssoConfig":{"enabled":false,"mode":""},"ui":{},"remoteTraceLevel":0,"creationTime":1760000000000,"lastModified":0,"revision":1}');
INSERT INTO networks VALUES('8056c2e21c000003',1760000000030,'{"id":"8056c2e21c000003","ownerId":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","name":"home & <garden>","description":"","private":true,"enableBroadcast":true,"mtu":2800,"multicastLimit":32,"routes":[],"ipAssignmentPools":[],"v4AssignMode":{"zt":true},"v6AssignMode":{"6plane":false,"rfc4193":false,"zt":false},"dns":{"domain":"","servers":null},"rulesSource":"# Only IPv4, ARP and IPv6 frames may travel on this network.\ndrop\n\tnot ethertype ipv4\n\tand not ethertype arp\n\tand not ethertype ipv6\n;\n\n# Remove the # from the next three lines to drop traffic whose source address\n# was not assigned to its sender.\n#drop\n#\tnot chr ipauth\n#;\n\n# Everything else is accepted.\naccept;\n","rules":[{"etherType":2048,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"etherType":2054,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"etherType":34525,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"type":"ACTION_DROP"},{"type":"ACTION_ACCEPT"}],"tags":[],"capabilities":[],"tagsByName":{},"capabilitiesByName":{},"ssoConfig":{"enabled":false,"mode":""},"ui":{},"remoteTraceLevel":0,"creationTime":1760000000000,"lastModified":0,"deletedTime":1760000000030,"revision":2}');
CREATE TABLE members (
    network       TEXT    NOT NULL REFERENCES networks (id),
    node          TEXT    NOT NULL,
    authorized    BOOLEAN NOT NULL,
    hidden        BOOLEAN NOT NULL,
    active_bridge BOOLEAN NOT NULL,
    put_out       BIGINT  NOT NULL, -- when last deauthorized or deleted
    identity      TEXT    NOT NULL,
    deleted       BIGINT  NOT NULL,
    revision      BIGINT  NOT NULL,
    record        TEXT    NOT NULL,
    PRIMARY KEY (network, node)
);
INSERT INTO members VALUES('8056c2e21c000001','8056c2e21c',1,0,0,0,'8056c2e21c:0:00',0,2,'{"networkId":"8056c2e21c000001","nodeId":"8056c2e21c","name":"phone \"8056c2e21c\" ü","description":"","hidden":false,"authorized":true,"activeBridge":false,"noAutoAssignIps":false,"ssoExempt":false,"ipAssignments":["10.9.0.1","fd00::1"],"tags":[{"id":1,"value":2},{"id":3,"value":0,"unset":true}],"capabilities":[7],"identity":"8056c2e21c:0:00","creationTime":1760000000010,"lastAuthorizedTime":1760000000020,"lastDeauthorizedTime":0,"authorizedBy":"api","revision":2}');
INSERT INTO members VALUES('8056c2e21c000001','8056c2e21d',1,0,0,0,'8056c2e21d:0:00',0,2,'{"networkId":"8056c2e21c000001","nodeId":"8056c2e21d","name":"phone \"8056c2e21d\" ü","description":"","hidden":false,"authorized":true,"activeBridge":false,"noAutoAssignIps":false,"ssoExempt":false,"ipAssignments":["10.9.0.2","fd00::1"],"tags":[{"id":1,"value":2},{"id":3,"value":0,"unset":true}],"capabilities":[7],"identity":"8056c2e21d:0:00","creationTime":1760000000010,"lastAuthorizedTime":1760000000020,"lastDeauthorizedTime":0,"authorizedBy":"api","revision":2}');
INSERT INTO members VALUES('8056c2e21c000001','8056c2e21e',1,0,0,0,'8056c2e21e:0:00',0,2,'{"networkId":"8056c2e21c000001","nodeId":"8056c2e21e","name":"phone \"8056c2e21e\" ü","description":"","hidden":false,"authorized":true,"activeBridge":false,"noAutoAssignIps":false,"ssoExempt":false,"ipAssignments":["10.9.0.3","fd00::1"],"tags":[{"id":1,"value":2},{"id":3,"value":0,"unset":true}],"capabilities":[7],"identity":"8056c2e21e:0:00","creationTime":1760000000010,"lastAuthorizedTime":1760000000020,"lastDeauthorizedTime":0,"authorizedBy":"api","revision":2}');
INSERT INTO members VALUES('8056c2e21c000001','8056c2e21f',1,0,0,0,'8056c2e21f:0:00',0,2,'{"networkId":"8056c2e21c000001","nodeId":"8056c2e21f","name":"phone \"8056c2e21f\" ü","description":"","hidden":false,"authorized":true,"activeBridge":false,"noAutoAssignIps":false,"ssoExempt":false,"ipAssignments":["10.9.0.4","fd00::1"],"tags":[{"id":1,"value":2},{"id":3,"value":0,"unset":true}],"capabilities":[7],"identity":"8056c2e21f:0:00","creationTime":1760000000010,"lastAuthorizedTime":1760000000020,"lastDeauthorizedTime":0,"authorizedBy":"api","revision":2}');
CREATE TABLE member_addresses (
    network   TEXT    NOT NULL,
    node      TEXT    NOT NULL,
    address   TEXT    NOT NULL,
    automatic BOOLEAN NOT NULL,
    PRIMARY KEY (network, node, address)
);
INSERT INTO member_addresses VALUES('8056c2e21c000001','8056c2e21c','10.9.0.1',0);
INSERT INTO member_addresses VALUES('8056c2e21c000001','8056c2e21c','fd00::1',0);
INSERT INTO member_addresses VALUES('8056c2e21c000001','8056c2e21d','10.9.0.2',0);
INSERT INTO member_addresses VALUES('8056c2e21c000001','8056c2e21d','fd00::1',0);
INSERT INTO member_addresses VALUES('8056c2e21c000001','8056c2e21e','10.9.0.3',0);
INSERT INTO member_addresses VALUES('8056c2e21c000001','8056c2e21e','fd00::1',0);
INSERT INTO member_addresses VALUES('8056c2e21c000001','8056c2e21f','10.9.0.4',0);
INSERT INTO member_addresses VALUES('8056c2e21c000001','8056c2e21f','fd00::1',0);
CREATE TABLE seen (
    network  TEXT   NOT NULL,
    node     TEXT   NOT NULL,
    time     BIGINT NOT NULL,
    endpoint TEXT   NOT NULL, -- '' if never known
    version  TEXT   NOT NULL, -- major.minor.revision.protocol
    PRIMARY KEY (network, node)
);
INSERT INTO seen VALUES('8056c2e21c000001','8056c2e21c',1760000000000,'192.0.2.1:9993','1.14.0.13');
CREATE TABLE events (
    seq    BIGINT NOT NULL PRIMARY KEY,
    time   BIGINT NOT NULL,
    record TEXT   NOT NULL
);
INSERT INTO events VALUES(1,1760000000000,'{"seq":1,"time":1760000000000,"kind":"user.created","actor":{"part":"setup"},"after":{"creationTime":1760000000000,"displayName":"Owner","email":"Owner@localhost","id":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11"}}');
INSERT INTO events VALUES(2,1760000000000,'{"seq":2,"time":1760000000000,"kind":"network.created","actor":{"userId":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","from":"192.0.2.7"},"networkId":"8056c2e21c000001","after":{"capabilities":[],"capabilitiesByName":{},"creationTime":1760000000000,"description":"","dns":{"domain":"","servers":null},"enableBroadcast":true,"id":"8056c2e21c000001","ipAssignmentPools":[],"lastModified":0,"mtu":2800,"multicastLimit":32,"name":"home \u0026 \u003cgarden\u003e","ownerId":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","private":true,"remoteTraceLevel":0,"revision":1,"routes":[],"rules":[{"etherType":2048,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"etherType":2054,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"etherType":34525,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"type":"ACTION_DROP"},{"type":"ACTION_ACCEPT"}],"rulesSource":"# Only IPv4, ARP and IPv6 frames may travel on this network.\ndrop\n\tnot ethertype ipv4\n\tand not ethertype arp\n\tand not ethertype ipv6\n;\n\n# Remove the # from the next three lines to drop traffic whose source address\n# was not assigned to its sender.\n#drop\n#\tnot chr ipauth\n#;\n\n# Everything else is accepted.\naccept;\n","ssoConfig":{"enabled":false,"mode":""},"tags":[],"tagsByName":{},"ui":{},"v4AssignMode":{"zt":true},"v6AssignMode":{"6plane":false,"rfc4193":false,"zt":false}}}');
INSERT INTO events VALUES(3,1760000000001,'{"seq":3,"time":1760000000001,"kind":"network.created","actor":{"userId":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","from":"192.0.2.7"},"networkId":"8056c2e21c000002","after":{"capabilities":[],"capabilitiesByName":{},"creationTime":1760000000000,"description":"","dns":{"domain":"","servers":null},"enableBroadcast":true,"id":"8056c2e21c000002","ipAssignmentPools":[],"lastModified":0,"mtu":2800,"multicastLimit":32,"name":"home \u0026 \u003cgarden\u003e","ownerId":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","private":true,"remoteTraceLevel":0,"revision":1,"routes":[],"rules":[{"etherType":2048,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"etherType":2054,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"etherType":34525,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"type":"ACTION_DROP"},{"type":"ACTION_ACCEPT"}],"rulesSource":"# Only IPv4, ARP and IPv6 frames may travel on this network.\ndrop\n\tnot ethertype ipv4\n\tand not ethertype arp\n\tand not ethertype ipv6\n;\n\n# Remove the # from the next three lines to drop traffic whose source address\n# was not assigned to its sender.\n#drop\n#\tnot chr ipauth\n#;\n\n# Everything else is accepted.\naccept;\n","ssoConfig":{"enabled":false,"mode":""},"tags":[],"tagsByName":{},"ui":{},"v4AssignMode":{"zt":true},"v6AssignMode":{"6plane":false,"rfc4193":false,"zt":false}}}');
INSERT INTO events VALUES(4,1760000000002,'{"seq":4,"time":1760000000002,"kind":"network.created","actor":{"userId":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","from":"192.0.2.7"},"networkId":"8056c2e21c000003","after":{"capabilities":[],"capabilitiesByName":{},"creationTime":1760000000000,"description":"","dns":{"domain":"","servers":null},"enableBroadcast":true,"id":"8056c2e21c000003","ipAssignmentPools":[],"lastModified":0,"mtu":2800,"multicastLimit":32,"name":"home \u0026 \u003cgarden\u003e","ownerId":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","private":true,"remoteTraceLevel":0,"revision":1,"routes":[],"rules":[{"etherType":2048,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"etherType":2054,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"etherType":34525,"not":true,"or":false,"type":"MATCH_ETHERTYPE"},{"type":"ACTION_DROP"},{"type":"ACTION_ACCEPT"}],"rulesSource":"# Only IPv4, ARP and IPv6 frames may travel on this network.\ndrop\n\tnot ethertype ipv4\n\tand not ethertype arp\n\tand not ethertype ipv6\n;\n\n# Remove the # from the next three lines to drop traffic whose source address\n# was not assigned to its sender.\n#drop\n#\tnot chr ipauth\n#;\n\n# Everything else is accepted.\naccept;\n","ssoConfig":{"enabled":false,"mode":""},"tags":[],"tagsByName":{},"ui":{},"v4AssignMode":{"zt":true},"v6AssignMode":{"6plane":false,"rfc4193":false,"zt":false}}}');
INSERT INTO events VALUES(5,1760000000010,'{"seq":5,"time":1760000000010,"kind":"member.joined","actor":{"part":"controller"},"networkId":"8056c2e21c000001","nodeId":"8056c2e21c"}');
INSERT INTO events VALUES(6,1760000000020,'{"seq":6,"time":1760000000020,"kind":"member.authorized","actor":{"userId":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","from":"192.0.2.7"},"networkId":"8056c2e21c000001","nodeId":"8056c2e21c","before":{"authorized":false,"capabilities":[],"ipAssignments":[],"lastAuthorizedTime":0,"name":"","revision":1,"tags":[]},"after":{"authorized":true,"authorizedBy":"api","capabilities":[7],"identity":"8056c2e21c:0:00","ipAssignments":["10.9.0.1","fd00::1"],"lastAuthorizedTime":1760000000020,"name":"phone \"8056c2e21c\" ü","revision":2,"tags":[{"id":1,"value":2},{"id":3,"value":0,"unset":true}]}}');
INSERT INTO events VALUES(8,1760000000020,'{"seq":8,"time":1760000000020,"kind":"member.authorized","actor":{"userId":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","from":"192.0.2.7"},"networkId":"8056c2e21c000001","nodeId":"8056c2e21d","before":{"authorized":false,"capabilities":[],"ipAssignments":[],"lastAuthorizedTime":0,"name":"","revision":1,"tags":[]},"after":{"authorized":true,"authorizedBy":"api","capabilities":[7],"identity":"8056c2e21d:0:00","ipAssignments":["10.9.0.2","fd00::1"],"lastAuthorizedTime":1760000000020,"name":"phone \"8056c2e21d\" ü","revision":2,"tags":[{"id":1,"value":2},{"id":3,"value":0,"unset":true}]}}');
INSERT INTO events VALUES(9,1760000000010,'{"seq":9,"time":1760000000010,"kind":"member.joined","actor":{"part":"controller"},"networkId":"8056c2e21c000001","nodeId":"8056c2e21e"}');
INSERT INTO events VALUES(10,1760000000020,'{"seq":10,"time":1760000000020,"kind":"member.authorized","actor":{"userId":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","from":"192.0.2.7"},"networkId":"8056c2e21c000001","nodeId":"8056c2e21e","before":{"authorized":false,"capabilities":[],"ipAssignments":[],"lastAuthorizedTime":0,"name":"","revision":1,"tags":[]},"after":{"authorized":true,"authorizedBy":"api","capabilities":[7],"identity":"8056c2e21e:0:00","ipAssignments":["10.9.0.3","fd00::1"],"lastAuthorizedTime":1760000000020,"name":"phone \"8056c2e21e\" ü","revision":2,"tags":[{"id":1,"value":2},{"id":3,"value":0,"unset":true}]}}');
INSERT INTO events VALUES(12,1760000000020,'{"seq":12,"time":1760000000020,"kind":"member.authorized","actor":{"userId":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","from":"192.0.2.7"},"networkId":"8056c2e21c000001","nodeId":"8056c2e21f","before":{"authorized":false,"capabilities":[],"ipAssignments":[],"lastAuthorizedTime":0,"name":"","revision":1,"tags":[]},"after":{"authorized":true,"authorizedBy":"api","capabilities":[7],"identity":"8056c2e21f:0:00","ipAssignments":["10.9.0.4","fd00::1"],"lastAuthorizedTime":1760000000020,"name":"phone \"8056c2e21f\" ü","revision":2,"tags":[{"id":1,"value":2},{"id":3,"value":0,"unset":true}]}}');
INSERT INTO events VALUES(13,1760000000030,'{"seq":13,"time":1760000000030,"kind":"network.deleted","actor":{"userId":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","from":"192.0.2.7"},"networkId":"8056c2e21c000003"}');
CREATE TABLE counters (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters VALUES('event',13);
CREATE TABLE users (
    id     TEXT NOT NULL PRIMARY KEY,
    record TEXT NOT NULL
);
INSERT INTO users VALUES('5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11','{"id":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","email":"Owner@localhost","displayName":"Owner","creationTime":1760000000000}');
CREATE TABLE tokens (
    hash    TEXT NOT NULL PRIMARY KEY, -- SHA-256 of the secret, hex
    user_id TEXT NOT NULL REFERENCES users (id),
    record  TEXT NOT NULL
);
INSERT INTO tokens VALUES('94fd32f209709ac32d079fd41d5199b838fb006df6c57b3f3fc2f081cfaa2731','5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11','{"userId":"5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11","name":"owner","creationTime":1760000000000}');
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
INSERT INTO meta VALUES('owner','5b0c2f6a-9f7e-4c8e-9a57-0d6f1f4b1c11');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('goose_db_version',2);
CREATE INDEX members_counted ON members (network, authorized) WHERE deleted = 0 AND NOT hidden;
CREATE INDEX members_bridges ON members (network, node) WHERE active_bridge AND deleted = 0;
CREATE INDEX members_put_out ON members (put_out) WHERE put_out > 0;
CREATE INDEX members_identity ON members (node) WHERE identity <> '';
CREATE UNIQUE INDEX member_addresses_once ON member_addresses (network, address) WHERE automatic;
CREATE INDEX member_addresses_holders ON member_addresses (network, address, node);
CREATE INDEX events_time ON events (time);
CREATE INDEX tokens_user ON tokens (user_id);
COMMIT;
