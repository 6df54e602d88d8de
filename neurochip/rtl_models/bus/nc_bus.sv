// The chip on a bus: AXI4-Lite for configuration, AXI-Streams for labels and intensities in and winners out. A label begins a sample as
// soon as the chip takes it; a winner leaves in every tick, and a receiver that is not ready holds back the last core. Registers are
// neurochip_pkg's BUS_*, nc_bus.rdl describes them. DATA is the place of the configuration port to which POINTER points; an access steps
// the pointer on by STEP. SLVERR answers an access to DATA while samples run, to a core that is not there, to what cannot be written, to
// part of a word. Counterpart: Bus in cosim/core/register_map.py.
`default_nettype none
module nc_bus #(
    parameter int N_CORES = neurochip_pkg::N_CORES
) (
    input wire aclk,
    input wire aresetn,
    // registers
    input wire s_axil_awvalid,
    output wire s_axil_awready,
    input wire [4:0] s_axil_awaddr,
    input wire [2:0] s_axil_awprot,
    input wire s_axil_wvalid,
    output wire s_axil_wready,
    input wire [31:0] s_axil_wdata,
    input wire [3:0] s_axil_wstrb,
    output wire s_axil_bvalid,
    input wire s_axil_bready,
    output wire [1:0] s_axil_bresp,
    input wire s_axil_arvalid,
    output wire s_axil_arready,
    input wire [4:0] s_axil_araddr,
    input wire [2:0] s_axil_arprot,
    output wire s_axil_rvalid,
    input wire s_axil_rready,
    output wire [31:0] s_axil_rdata,
    output wire [1:0] s_axil_rresp,
    // samples
    input wire s_axis_label_tvalid,
    output wire s_axis_label_tready,
    input wire [15:0] s_axis_label_tdata,
    input wire s_axis_intensity_tvalid,
    output wire s_axis_intensity_tready,
    input wire [neurochip_pkg::INPUT_LANES*8-1:0] s_axis_intensity_tdata,  // of as many axons, the first in the lowest bits
    output wire m_axis_winner_tvalid,
    input wire m_axis_winner_tready,
    output wire [15:0] m_axis_winner_tdata
);
    localparam [1:0] OKAY = 2'b00;
    localparam [1:0] SLVERR = 2'b10;
    wire rst = ~aresetn;

    // ---- one access at a time: a write if both wait
    typedef enum logic [2:0] {
        FREE,
        WRITE,  // DATA is written
        READ,  // DATA is read, and its value comes two cycles later
        FIRST,
        SECOND,
        WRITTEN,  // the answer waits to be taken
        ANSWERED
    } state_t;
    state_t state;
    reg [31:0] pointer, value;
    reg [1:0] response;
    reg step;
    wire is_free = state == FREE;
    wire writes = is_free && s_axil_awvalid && s_axil_wvalid;
    wire reads = is_free && s_axil_arvalid && !writes;
    wire [2:0] register = writes ? s_axil_awaddr[4:2] : s_axil_araddr[4:2];
    wire [7:0] core = pointer[31:24];
    wire idle, label_ready;
    wire at_core = core == neurochip_pkg::BARRIER_CORE || 32'(core) < N_CORES;
    wire at_data = register == neurochip_pkg::BUS_DATA;
    wire can_access = idle && at_core;
    wire is_pointer = register == neurochip_pkg::BUS_POINTER;
    wire is_step = register == neurochip_pkg::BUS_STEP;
    wire is_whole = &s_axil_wstrb;
    wire takes_write = is_whole && (at_data ? can_access : is_pointer || is_step);
    wire takes_read = at_data ? can_access : register <= neurochip_pkg::BUS_STEP;
    wire [31:0] config_rdata;
    wire [31:0] shown = register == neurochip_pkg::BUS_IDENTITY ? neurochip_pkg::IDENTITY :
        register == neurochip_pkg::BUS_STATUS ? {30'b0, m_axis_winner_tvalid, idle} :
        register == neurochip_pkg::BUS_CORES ? N_CORES : register == neurochip_pkg::BUS_POINTER ? pointer :
        register == neurochip_pkg::BUS_STEP ? {31'b0, step} : '0;

    always_ff @(posedge aclk) begin
        if (rst) state <= FREE;
        else
            case (state)
                FREE:
                if (writes) state <= at_data && takes_write ? WRITE : WRITTEN;
                else if (reads) state <= at_data && takes_read ? READ : ANSWERED;
                WRITE: state <= WRITTEN;
                READ: state <= FIRST;
                FIRST: state <= SECOND;
                SECOND: state <= ANSWERED;
                WRITTEN: if (s_axil_bready) state <= FREE;
                ANSWERED: if (s_axil_rready) state <= FREE;
                default: state <= FREE;
            endcase

        if (writes) begin
            value <= s_axil_wdata;
            response <= takes_write ? OKAY : SLVERR;
        end else if (reads) begin
            value <= shown;
            response <= takes_read ? OKAY : SLVERR;
        end else if (state == SECOND) value <= config_rdata;

        if (writes && takes_write && is_pointer) pointer <= s_axil_wdata;
        else if (state == WRITE || state == READ) pointer[23:0] <= pointer[23:0] + 24'(step);
        if (rst) step <= 1'b0;
        else if (writes && takes_write && is_step) step <= s_axil_wdata[0];
    end
    assign s_axil_awready = writes;
    assign s_axil_wready = writes;
    assign s_axil_arready = reads;
    assign s_axil_bvalid = state == WRITTEN;
    assign s_axil_bresp = response;
    assign s_axil_rvalid = state == ANSWERED;
    assign s_axil_rresp = response;
    assign s_axil_rdata = value;

    // ---- the chip; no sample begins while its configuration is in hand
    wire config_write = state == WRITE;
    wire config_read = state == READ;
    wire starts = s_axis_label_tvalid && s_axis_label_tready;
    wire out_valid, winner_ready;
    wire [15:0] out_unit;
    wire [N_CORES*256-1:0] records;
    wire configures = is_free ? at_data && (writes || reads) : state == WRITE || state == READ || state == FIRST || state == SECOND;
    assign s_axis_label_tready = label_ready && !configures;
    nc_engine #(
        .N_CORES(N_CORES),
        .TRACE(0)
    ) chip (
        .clk(aclk),
        .rst(rst),
        .config_read(config_read),
        .config_write(config_write),
        .config_core(core),
        .config_address(pointer[23:0]),
        .config_wdata(value),
        .config_rdata(config_rdata),
        .sample_valid(starts),
        .sample_ready(label_ready),
        .sample_label(s_axis_label_tdata),
        .intensity_valid(s_axis_intensity_tvalid),
        .intensity_ready(s_axis_intensity_tready),
        .intensity(s_axis_intensity_tdata),
        .spike_stall(N_CORES'(!winner_ready) << (N_CORES - 1)),
        .error_stall({N_CORES{1'b0}}),
        .spike_wait({N_CORES{1'b0}}),
        .error_wait({N_CORES{1'b0}}),
        .out_valid(out_valid),
        .out_unit(out_unit),
        .idle(idle),
        .records(records)
    );
    nc_link #(
        .BITS(16)
    ) winners (
        .clk(aclk),
        .rst(rst),
        .in_valid(out_valid),
        .in_ready(winner_ready),
        .in_data(out_unit),
        .out_valid(m_axis_winner_tvalid),
        .out_ready(m_axis_winner_tready),
        .out_data(m_axis_winner_tdata)
    );
    wire unused = &{1'b0, s_axil_awaddr[1:0], s_axil_araddr[1:0], s_axil_awprot, s_axil_arprot, records};
endmodule
`default_nettype wire
