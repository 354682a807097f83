# SPDX-License-Identifier: MIT
"""The calls that tools/generate-calls.py makes."""
