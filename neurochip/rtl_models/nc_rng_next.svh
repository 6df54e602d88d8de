// The next word of a generator: STEPS updates of one state, unrolled. Included by the modules that hold generators, which declare
// KIND, STEPS and BITS; a function, so that a simulator works only when it is called. Counterpart: step() in core/rng.py.
function automatic [BITS-1:0] rng_next(input [BITS-1:0] before_draw);
    integer update;
    rng_next = before_draw;
    for (update = 0; update < STEPS; update = update + 1) begin
        if (KIND == neurochip_pkg::LFSR16) begin
            rng_next = (rng_next >> 1) ^ (rng_next[0] ? BITS'(neurochip_pkg::LFSR16_MASK) : '0);
        end else if (KIND == neurochip_pkg::XORSHIFT16) begin
            rng_next = rng_next ^ (rng_next << 7);
            rng_next = rng_next ^ (rng_next >> 9);
            rng_next = rng_next ^ (rng_next << 8);
        end else begin
            rng_next = rng_next ^ (rng_next << 13);
            rng_next = rng_next ^ (rng_next >> 17);
            rng_next = rng_next ^ (rng_next << 5);
        end
    end
endfunction
