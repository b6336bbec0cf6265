-- What Ironic 39 (ironic-dbsync, and its own objects) has in these tables of SQLite; see ironic_fill.py.
CREATE TABLE chassis (
	id INTEGER NOT NULL,
	uuid VARCHAR(36),
	extra TEXT,
	description VARCHAR(255),
	version VARCHAR(15),
	created_at DATETIME,
	updated_at DATETIME,
	PRIMARY KEY (id),
	CONSTRAINT uniq_chassis0uuid UNIQUE (uuid)
);
INSERT INTO "chassis" VALUES(1,'2b0f5a4e-0000-4000-8000-000000000900','{"room": "east"}','Rack 1','1.4','2026-11-30 06:57:52.304804',NULL);
CREATE TABLE node_traits (
	node_id INTEGER NOT NULL,
	trait VARCHAR(255) NOT NULL,
	version VARCHAR(15),
	created_at DATETIME,
	updated_at DATETIME,
	PRIMARY KEY (node_id, trait),
	FOREIGN KEY(node_id) REFERENCES nodes (id)
);
INSERT INTO "node_traits" VALUES(1,'HW_CPU_X86_VMX','1.1','2026-11-30 06:57:52.325747',NULL);
INSERT INTO "node_traits" VALUES(1,'CUSTOM_GOLD','1.1','2026-11-30 06:57:52.325759',NULL);
CREATE TABLE nodes (
	id INTEGER NOT NULL,
	uuid VARCHAR(36),
	instance_uuid VARCHAR(36),
	instance_name VARCHAR(255),
	name VARCHAR(255),
	chassis_id INTEGER,
	power_state VARCHAR(15),
	target_power_state VARCHAR(15),
	provision_state VARCHAR(15),
	target_provision_state VARCHAR(15),
	provision_updated_at DATETIME,
	last_error TEXT,
	instance_info TEXT,
	properties TEXT,
	driver VARCHAR(255),
	driver_info TEXT,
	driver_internal_info TEXT,
	clean_step TEXT,
	deploy_step TEXT,
	resource_class VARCHAR(80),
	raid_config TEXT,
	target_raid_config TEXT,
	reservation VARCHAR(255),
	conductor_affinity INTEGER,
	conductor_group VARCHAR(255) DEFAULT '' NOT NULL,
	maintenance BOOLEAN,
	maintenance_reason TEXT,
	fault VARCHAR(255),
	console_enabled BOOLEAN,
	inspection_finished_at DATETIME,
	inspection_started_at DATETIME,
	extra TEXT,
	automated_clean BOOLEAN,
	protected BOOLEAN DEFAULT 0 NOT NULL,
	protected_reason TEXT,
	owner VARCHAR(255),
	lessee VARCHAR(255),
	allocation_id INTEGER,
	description TEXT,
	bios_interface VARCHAR(255),
	boot_interface VARCHAR(255),
	console_interface VARCHAR(255),
	deploy_interface VARCHAR(255),
	firmware_interface VARCHAR(255),
	inspect_interface VARCHAR(255),
	management_interface VARCHAR(255),
	network_interface VARCHAR(255),
	raid_interface VARCHAR(255),
	rescue_interface VARCHAR(255),
	retired BOOLEAN DEFAULT 0,
	retired_reason TEXT,
	network_data TEXT,
	storage_interface VARCHAR(255),
	power_interface VARCHAR(255),
	vendor_interface VARCHAR(255),
	boot_mode VARCHAR(16),
	secure_boot BOOLEAN,
	shard VARCHAR(255),
	parent_node VARCHAR(36),
	service_step TEXT,
	disable_power_off BOOLEAN DEFAULT 0,
	health VARCHAR(32),
	version VARCHAR(15),
	created_at DATETIME,
	updated_at DATETIME,
	PRIMARY KEY (id),
	CONSTRAINT uniq_nodes0uuid UNIQUE (uuid),
	CONSTRAINT uniq_nodes0instance_uuid UNIQUE (instance_uuid),
	CONSTRAINT uniq_nodes0name UNIQUE (name),
	FOREIGN KEY(chassis_id) REFERENCES chassis (id),
	CONSTRAINT nodes_conductor_affinity_fk FOREIGN KEY(conductor_affinity) REFERENCES conductors (id),
	FOREIGN KEY(allocation_id) REFERENCES allocations (id)
);
INSERT INTO "nodes" VALUES(1,'2b0f5a4e-0000-4000-8000-000000000001',NULL,NULL,'r1n01',1,NULL,NULL,'available',NULL,NULL,NULL,'{}','{"cpus": 8, "memory_mb": 16384, "capabilities": "boot_mode:uefi"}','ipmi','{"ipmi_address": "192.0.2.1", "ipmi_username": "admin", "ipmi_password": "bmc-secret-1", "ipmi_port": "6230", "ipmi_cipher_suite": "3", "ipmi_bridging": "no", "ipmi_force_boot_device": true, "deploy_kernel": "file:///k", "deploy_ramdisk": "file:///r", "ipmi_hex_kg_key": null}','{}','{}','{}','baremetal','{}','{}',NULL,NULL,'rack-1',0,NULL,NULL,0,NULL,NULL,'{"rack": "r1"}',NULL,0,NULL,'team-a','team-b',NULL,'first of the rack',NULL,NULL,NULL,NULL,NULL,NULL,'ipmitool',NULL,NULL,NULL,0,NULL,'{}',NULL,'ipmitool',NULL,NULL,NULL,'s1',NULL,'{}',0,NULL,'1.44','2026-11-30 06:57:52.313210',NULL);
INSERT INTO "nodes" VALUES(2,'2b0f5a4e-0000-4000-8000-000000000002','2b0f5a4e-0000-4000-8000-000000000502','web-7','r1n02',1,NULL,NULL,'active',NULL,NULL,NULL,'{"image_source": "http://images/web", "root_gb": 10}','{}','redfish','{"redfish_address": "https://192.0.2.2:8443/redfish/v1/", "redfish_username": "admin", "redfish_password": "bmc-secret-2", "redfish_system_id": "/redfish/v1/Systems/437XR1138R2", "redfish_verify_ca": "False", "redfish_tls_minimum_version": "1.2"}','{}','{}','{}',NULL,'{}','{}',NULL,NULL,'',0,NULL,NULL,0,NULL,NULL,'{}',NULL,1,'in production',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'redfish',NULL,NULL,NULL,0,NULL,'{}',NULL,'redfish',NULL,NULL,NULL,NULL,NULL,'{}',0,NULL,'1.44','2026-11-30 06:57:52.353896',NULL);
INSERT INTO "nodes" VALUES(3,'2b0f5a4e-0000-4000-8000-000000000003',NULL,NULL,NULL,NULL,NULL,NULL,'manageable',NULL,NULL,NULL,'{}','{}','fake-hardware','{}','{}','{}','{}',NULL,'{}','{}',NULL,NULL,'',0,NULL,NULL,0,NULL,NULL,'{}',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'{}',NULL,'fake',NULL,NULL,NULL,NULL,NULL,'{}',0,NULL,'1.44','2026-11-30 06:57:52.363045',NULL);
INSERT INTO "nodes" VALUES(4,'2b0f5a4e-0000-4000-8000-000000000004',NULL,NULL,'r1n04',NULL,NULL,NULL,'available',NULL,NULL,NULL,'{}','{}','redfish','{"redfish_address": "https://192.0.2.4", "redfish_username": "admin", "redfish_password": "bmc-secret-4"}','{}','{}','{}',NULL,'{}','{}',NULL,NULL,'',1,'fan is noisy',NULL,0,NULL,NULL,'{}',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,'too old','{}',NULL,'redfish',NULL,NULL,NULL,NULL,NULL,'{}',0,NULL,'1.44','2026-11-30 06:57:52.367819',NULL);
INSERT INTO "nodes" VALUES(5,'2b0f5a4e-0000-4000-8000-000000000005',NULL,NULL,'r1n05',NULL,NULL,NULL,'available',NULL,NULL,NULL,'{}','{}','ipmi','{"ipmi_address": "192.0.2.5", "ipmi_username": "admin", "ipmi_password": "bmc-secret-5"}','{}','{}','{}',NULL,'{}','{}',NULL,NULL,'',1,'During sync_power_state, max retries exceeded','power failure',0,NULL,NULL,'{}',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'{}',NULL,'ipmitool',NULL,NULL,NULL,NULL,NULL,'{}',0,NULL,'1.44','2026-11-30 06:57:52.376240',NULL);
INSERT INTO "nodes" VALUES(6,'2b0f5a4e-0000-4000-8000-000000000006',NULL,NULL,'r1n06',NULL,NULL,NULL,'enroll',NULL,NULL,NULL,'{}','{}','ipmi','{}','{}','{}','{}',NULL,'{}','{}',NULL,NULL,'',0,NULL,NULL,0,NULL,NULL,'{}',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'{}',NULL,'ipmitool',NULL,NULL,NULL,NULL,NULL,'{}',0,NULL,'1.44','2026-11-30 06:57:52.379384',NULL);
INSERT INTO "nodes" VALUES(7,'2b0f5a4e-0000-4000-8000-000000000010',NULL,NULL,'r2n01',NULL,NULL,NULL,'available',NULL,NULL,NULL,'{}','{}','idrac','{"redfish_address": "https://192.0.2.10", "redfish_username": "admin", "redfish_password": "bmc-secret-10"}','{}','{}','{}',NULL,'{}','{}',NULL,NULL,'',0,NULL,NULL,0,NULL,NULL,'{}',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'{}',NULL,'idrac-redfish',NULL,NULL,NULL,NULL,NULL,'{}',0,NULL,'1.44','2026-11-30 06:57:52.382097',NULL);
INSERT INTO "nodes" VALUES(8,'2b0f5a4e-0000-4000-8000-000000000011',NULL,NULL,'r2n02',NULL,NULL,NULL,'available',NULL,NULL,NULL,'{}','{}','intel-ipmi','{"ipmi_address": "192.0.2.11", "ipmi_username": "admin", "ipmi_password": "bmc-secret-11"}','{}','{}','{}',NULL,'{}','{}',NULL,NULL,'',0,NULL,NULL,0,NULL,NULL,'{}',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'{}',NULL,'ipmitool',NULL,NULL,NULL,NULL,NULL,'{}',0,NULL,'1.44','2026-11-30 06:57:52.385024',NULL);
INSERT INTO "nodes" VALUES(9,'2b0f5a4e-0000-4000-8000-000000000012',NULL,NULL,'r2n03',NULL,NULL,NULL,'available',NULL,NULL,NULL,'{}','{}','manual-management','{}','{}','{}','{}',NULL,'{}','{}',NULL,NULL,'',0,NULL,NULL,0,NULL,NULL,'{}',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'{}',NULL,'agent',NULL,NULL,NULL,NULL,NULL,'{}',0,NULL,'1.44','2026-11-30 06:57:52.389937',NULL);
INSERT INTO "nodes" VALUES(10,'2b0f5a4e-0000-4000-8000-000000000013',NULL,NULL,'r2n04',NULL,NULL,NULL,'available',NULL,NULL,NULL,'{}','{}','ipmi','{"ipmi_address": "192.0.2.13", "ipmi_username": "admin", "ipmi_password": "bmc-secret-13", "ipmi_bridging": "single", "ipmi_target_channel": "7", "ipmi_target_address": "0x82"}','{}','{}','{}',NULL,'{}','{}',NULL,NULL,'',0,NULL,NULL,0,NULL,NULL,'{}',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'{}',NULL,'ipmitool',NULL,NULL,NULL,NULL,NULL,'{}',0,NULL,'1.44','2026-11-30 06:57:52.392834',NULL);
INSERT INTO "nodes" VALUES(11,'2b0f5a4e-0000-4000-8000-000000000014',NULL,NULL,'r2n05',NULL,NULL,NULL,'clean failed',NULL,NULL,NULL,'{}','{}','ipmi','{"ipmi_address": "192.0.2.14", "ipmi_username": "admin", "ipmi_password": "bmc-secret-14"}','{}','{}','{}',NULL,'{}','{}',NULL,NULL,'',0,NULL,NULL,0,NULL,NULL,'{}',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'{}',NULL,'ipmitool',NULL,NULL,NULL,NULL,NULL,'{}',0,NULL,'1.44','2026-11-30 06:57:52.395449',NULL);
INSERT INTO "nodes" VALUES(12,'2b0f5a4e-0000-4000-8000-000000000015',NULL,NULL,'r2n06',NULL,NULL,NULL,'available',NULL,NULL,NULL,'{}','{}','ipmi','{"ipmi_address": "192.0.2.15", "ipmi_username": "admin", "ipmi_password": "bmc-secret-15"}','{}','{}','{}',NULL,'{}','{}','ironic-1',NULL,'',0,NULL,NULL,0,NULL,NULL,'{}',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'{}',NULL,'ipmitool',NULL,NULL,NULL,NULL,NULL,'{}',0,NULL,'1.44','2026-11-30 06:57:52.402108',NULL);
INSERT INTO "nodes" VALUES(13,'2b0f5a4e-0000-4000-8000-000000000016',NULL,NULL,'r2n07',NULL,NULL,NULL,'available',NULL,NULL,NULL,'{}','{}','ipmi','{"ipmi_address": "192.0.2.16", "ipmi_username": "admin", "ipmi_password": "bmc-secret-16"}','{}','{}','{}',NULL,'{}','{}',NULL,NULL,'',0,NULL,NULL,0,NULL,NULL,'{}',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'{}',NULL,'ipmitool',NULL,NULL,NULL,NULL,NULL,'{}',1,NULL,'1.44','2026-11-30 06:57:52.409749',NULL);
INSERT INTO "nodes" VALUES(14,'2b0f5a4e-0000-4000-8000-000000000017',NULL,NULL,'r2n08',NULL,NULL,NULL,'available',NULL,NULL,NULL,'{}','{}','ipmi','{"ipmi_address": "192.0.2.17", "ipmi_username": "admin", "ipmi_password": "bmc-secret-17", "ipmi_protocol_version": "1.5"}','{}','{}','{}',NULL,'{}','{}',NULL,NULL,'',0,NULL,NULL,0,NULL,NULL,'{}',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'{}',NULL,'ipmitool',NULL,NULL,NULL,NULL,NULL,'{}',0,NULL,'1.44','2026-11-30 06:57:52.412915',NULL);
INSERT INTO "nodes" VALUES(15,'2b0f5a4e-0000-4000-8000-000000000018',NULL,NULL,'r2n09',NULL,NULL,NULL,'available',NULL,NULL,NULL,'{}','{}','ipmi','{"ipmi_address": "192.0.2.18", "ipmi_username": "admin", "ipmi_password": "a-secret-that-is-longer-than-ipmi-allows"}','{}','{}','{}',NULL,'{}','{}',NULL,NULL,'',0,NULL,NULL,0,NULL,NULL,'{}',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'{}',NULL,'ipmitool',NULL,NULL,NULL,NULL,NULL,'{}',0,NULL,'1.44','2026-11-30 06:57:52.415611',NULL);
INSERT INTO "nodes" VALUES(16,'2b0f5a4e-0000-4000-8000-000000000019',NULL,NULL,'r2n10',NULL,NULL,NULL,'available',NULL,NULL,NULL,'{}','{}','ipmi','{"ipmi_address": "192.0.2.1", "ipmi_username": "admin", "ipmi_password": "bmc-secret-1", "ipmi_port": 6230}','{}','{}','{}',NULL,'{}','{}',NULL,NULL,'',0,NULL,NULL,0,NULL,NULL,'{}',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'{}',NULL,'ipmitool',NULL,NULL,NULL,NULL,NULL,'{}',0,NULL,'1.44','2026-11-30 06:57:52.418256',NULL);
CREATE TABLE ports (
	id INTEGER NOT NULL,
	uuid VARCHAR(36),
	address VARCHAR(18),
	node_id INTEGER,
	extra TEXT,
	local_link_connection TEXT,
	portgroup_id INTEGER,
	pxe_enabled BOOLEAN,
	internal_info TEXT,
	physical_network VARCHAR(64),
	is_smartnic BOOLEAN,
	name VARCHAR(255),
	description VARCHAR(255),
	vendor VARCHAR(32),
	category VARCHAR(80),
	available_for_dynamic_portgroup BOOLEAN DEFAULT 1 NOT NULL,
	version VARCHAR(15),
	created_at DATETIME,
	updated_at DATETIME,
	PRIMARY KEY (id),
	CONSTRAINT uniq_ports0address UNIQUE (address),
	CONSTRAINT uniq_ports0uuid UNIQUE (uuid),
	CONSTRAINT uniq_ports0name UNIQUE (name),
	FOREIGN KEY(node_id) REFERENCES nodes (id),
	FOREIGN KEY(portgroup_id) REFERENCES portgroups (id)
);
INSERT INTO "ports" VALUES(1,'2b0f5a4e-0000-4000-8000-000000000101','52:54:00:00:00:01',1,'{"slot": 1}','{"switch_id": "aa:bb:cc:dd:ee:ff", "port_id": "Eth1/1"}',NULL,1,'{}','provider',0,'r1n01-eth0',NULL,NULL,NULL,1,'1.16','2026-11-30 06:57:52.330408',NULL);
INSERT INTO "ports" VALUES(2,'2b0f5a4e-0000-4000-8000-000000000102','52:54:00:00:00:02',1,'{}','{}',NULL,0,'{}',NULL,0,NULL,NULL,NULL,NULL,1,'1.16','2026-11-30 06:57:52.346027',NULL);
