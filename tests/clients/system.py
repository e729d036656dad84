"""The helpers of tests/system under another name: there they are `emgd`, as the package is that is tested here."""

import importlib.util
import sys
from pathlib import Path

SOURCE_DIR = Path(__file__).resolve().parents[2]
PACKAGE_DIR = SOURCE_DIR / "clients" / "python"

_spec = importlib.util.spec_from_file_location("emgd_of_system_tests", SOURCE_DIR / "tests" / "system" / "emgd.py")
emgd = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = emgd
_spec.loader.exec_module(emgd)
