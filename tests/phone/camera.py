"""Video with a QR code, for the camera of the browser."""

import segno

WIDTH, HEIGHT, SCALE = 640, 480, 6
WHITE, BLACK, GREY = 235, 16, 128


def show_qr_code(path, text):
    """Write a video of one frame (YUV4MPEG2) with the QR code of a text in its middle."""
    modules = [list(row) for row in segno.make_qr(text, error="m").matrix_iter(scale=SCALE)]
    left, top = (WIDTH - len(modules[0])) // 2, (HEIGHT - len(modules)) // 2
    luma = bytearray([WHITE]) * (WIDTH * HEIGHT)
    for y, row in enumerate(modules, start=top):
        start = y * WIDTH + left
        luma[start : start + len(row)] = bytes(BLACK if module else WHITE for module in row)
    chroma = bytes([GREY]) * (WIDTH * HEIGHT // 2)
    path.write_bytes(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip C420jpeg\nFRAME\n".encode() + luma + chroma)
