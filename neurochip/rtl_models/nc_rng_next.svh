// The next word of a generator: STEPS updates of one state, unrolled. Included by the modules that hold generators, which declare
// KIND, STEPS, BITS, MASK, LEFT, RIGHT and LAST; a function, so that a simulator works only when it is called. Counterpart: step() in core/rng.py.
function automatic [BITS-1:0] rng_next(input [BITS-1:0] before_draw);
    integer update;
    rng_next = before_draw;
    for (update = 0; update < STEPS; update = update + 1) begin
        if (KIND == neurochip_pkg::LFSR) begin
            rng_next = (rng_next >> 1) ^ (rng_next[0] ? BITS'(MASK) : '0);
        end else begin
            rng_next = rng_next ^ (rng_next << LEFT);
            rng_next = rng_next ^ (rng_next >> RIGHT);
            rng_next = rng_next ^ (rng_next << LAST);
        end
    end
endfunction
