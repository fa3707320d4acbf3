"""heat-engine, without notifications.

With Debian 12's versions of oslo.messaging (14.0.3) and Heat (19.0.0), sending one, even to nobody, takes from the request
what Heat needs afterwards: signals to a stack (scaling policies) are answered and do nothing.
"""
import sys

from heat.cmd import engine  # first: it prepares the modules that follow for its threads
from oslo_messaging.notify import notifier

for kind in (notifier.Notifier, notifier._SubNotifier):
    kind._notify = lambda *arguments, **keywords: None
sys.exit(engine.main())
