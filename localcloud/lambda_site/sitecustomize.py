"""Run by the interpreter of each Lambda worker at its start: hides the checkout.

An editable install puts the checkout on every path; a module missing in a function's zip would be found there and
missed only in AWS.
"""

import os
import sys

_hidden = os.environ.get("LOCALCLOUD_HIDDEN_PATHS", "").split(os.pathsep)
sys.path[:] = [entry for entry in sys.path if entry not in _hidden]
