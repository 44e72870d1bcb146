"""Orders through the engine, commands, sessions and reports in any order: every law holds."""

from tests.execution.machines import OrdersOnPaper, OrdersOutside

TestOrdersOnPaper = OrdersOnPaper.TestCase
TestOrdersOutside = OrdersOutside.TestCase
