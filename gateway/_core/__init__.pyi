"""Typed face of the native module. Each submodule has one Python door."""

from gateway._core import bench as bench
from gateway._core import counterfactual as counterfactual
from gateway._core import engine as engine
from gateway._core import fix as fix
from gateway._core import journal as journal
from gateway._core import ledger as ledger
from gateway._core import matching as matching
from gateway._core import port as port
from gateway._core import positions as positions
from gateway._core import telemetry as telemetry
from gateway._core import types as types

SOURCE_DIGEST: str  # SHA-256 over the sources of core_ext that the module was made of
