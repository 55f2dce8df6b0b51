"""img2dataset as it is, which also prints the CPU seconds spent on downloading and storing.

For bench_crawl.py. Its options are img2dataset's. A worker process imports this file too (it is the
main module of what started it), so the measure is set up there as well.
"""

import json
import time

from img2dataset.downloader import Downloader

plain = Downloader.download_shard


def measured(self, row):
    start = time.process_time()
    plain(self, row)
    print(json.dumps({"work_cpu_s": time.process_time() - start}), flush=True)


Downloader.download_shard = measured

if __name__ == "__main__":
    from img2dataset.main import main
    main()
