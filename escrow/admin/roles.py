"""What admins may do. None of it releases a share: an admin sees, delays, or proposes.

support    one customer at a time, masked; sends the instructions again
auditor    sees everything that is kept about custody, and exports it
operator   also freezes recoveries, and proposes what needs two
owner      also admins and keys
"""

SUPPORT, AUDITOR, OPERATOR, OWNER = "support", "auditor", "operator", "owner"
ROLES = (SUPPORT, AUDITOR, OPERATOR, OWNER)
EVERYBODY = frozenset(ROLES)
SEE_ALL = frozenset({AUDITOR, OPERATOR, OWNER})
DELAY = frozenset({OPERATOR, OWNER})
GOVERN = frozenset({OWNER})
