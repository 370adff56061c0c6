"""JupyterLab, whose process ends when its server has ended.

A thread of AnyIO waits for work beyond the end of the event loop, and Python would wait for that thread for ever.
"""

import os
import sys

from jupyterlab.labapp import main

main()
sys.stdout.flush()
sys.stderr.flush()
os._exit(0)
