"""Words that a rule's names cannot be: those of SystemVerilog (IEEE 1800-2017) that a writer of Python could think of."""

_WORDS = """
accept_on alias always and assert assign assume automatic before begin bind bins bit break buf byte case cell chandle checker
class clocking config const constraint context continue cover cross deassign default defparam design disable dist do edge else
end endcase enum event eventually expect export extends extern final first_match for force forever fork function generate genvar
global highz0 highz1 if iff implements implies import incdir include initial inout input inside instance int integer
interconnect interface intersect join large let liblist library local localparam logic longint macromodule matches medium
modport module nand negedge nettype new nexttime nmos nor not null or output package packed parameter pmos posedge primitive
priority program property protected pulldown pullup pure rand randc randcase real realtime ref reg reject_on release repeat
restrict return rnmos scalared sequence shortint shortreal signed small soft solve specify static string strong strong0 strong1
struct super supply0 supply1 table tagged task this throughout time timeprecision timeunit tran tri type typedef union unique
unsigned until untyped use var vectored virtual void wait wand weak weak0 weak1 while wildcard wire with within wor xnor xor
"""
RESERVED = frozenset(_WORDS.split())
