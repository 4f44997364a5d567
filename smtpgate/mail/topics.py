"""The patterns that come with the gateway: what mail to a help desk is about. RE2 syntax; the first group is the value.

In the order in which they claim a piece of text: what one of them found is not found again by one further down.
"""

from __future__ import annotations

_SEP = r"(?:\s?(?:[:：#＃=是为為]|no\.?|nr\.?|n°|nº|№)){0,3}\s{0,3}[\"'“「『【\[(（]?"
# A code: up to ten letters, then digits; parts joined by - _ / or a point.
_CODE = r"([A-Za-z]{0,10}[-_/]?[0-9](?:[A-Za-z0-9]|[-_/.][A-Za-z0-9]){2,39})"
_TLD = (
    r"(?:com|net|org|cn|info|biz|io|co|top|xyz|site|online|shop|store|app|dev|cloud|tech|club|vip|wang|ltd|group|link|live|pro|me|tv|cc|"
    r"edu|gov|mil|int|eu|uk|de|fr|es|it|nl|be|ch|at|pl|cz|sk|hu|ro|bg|gr|pt|se|no|dk|fi|is|ie|ru|ua|by|kz|tr|il|ae|sa|in|jp|kr|tw|hk|mo|sg|my|th|vn|id|ph|"
    r"au|nz|us|ca|mx|br|ar|cl|pe|za|ng|ke|eg|asia|mobi|name|museum|jobs|travel|example|test|invalid)"
)

BUILT_IN: tuple[tuple[str, str, str], ...] = (  # name, where, pattern
    ("log", "text", r"(?m)^[ \t>|]{0,8}(\[?[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}[^\n]{4,300})"),
    ("log", "text", r"(?m)^[ \t>|]{0,8}((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2} [^\n]{4,300})"),
    ("log", "text", r"(?m)^[ \t>|]{0,8}((?:Traceback \(most recent|Caused by: |Exception in thread |(?:[a-z]{1,20}\.){2,6}[A-Z][A-Za-z]{2,60}(?:Exception|Error)\b|\[?(?:ERROR|FATAL|WARN|CRITICAL)\b)[^\n]{0,300})"),
    ("shipment", "both", rf"(?i)(?:运单号?码?|快递单号?|物流单号?|货运单号?|運單號?碼?|貨運單號|追蹤號碼|伝票番号|送り状番号|운송장 ?번호|tracking (?:no\.?|number|id|code)|sendungsnummer|numéro de suivi|número de seguimiento|código de rastreio|трек[- ]?номер){_SEP}{_CODE}"),
    ("invoice", "both", rf"(?i)(?:发票号码?|发票编号|發票號碼?|請求書番号|송장 ?번호|invoice (?:no\.?|number|id|#)|invoice|rechnungs?-?(?:nummer|nr\.?)|rechnung|facture|factura|fattura|fatura|faktura|счёт|счет){_SEP}{_CODE}"),
    ("rma", "both", rf"(?i)(?:\brma\b|退货单号?|返修单号?|退換貨單號|返品番号|return (?:no\.?|number|id)){_SEP}{_CODE}"),
    ("ticket", "both", rf"(?i)(?:工单号?|工單號?碼?|服务单号?|报修单号?|受付番号|접수 ?번호|\b(?:ticket|case|incident)\b(?: ?(?:no\.?|number|id|#))?){_SEP}{_CODE}"),
    ("contract", "both", rf"(?i)(?:合同号|合同编号|合約編號|契約番号|계약 ?번호|contract (?:no\.?|number|id|#)|vertragsnummer){_SEP}{_CODE}"),
    ("customer", "both", rf"(?i)(?:客户号|客户编号|会员号|客戶編號|お客様番号|customer (?:no\.?|number|id|#)|kunden-?(?:nummer|nr\.?)){_SEP}{_CODE}"),
    ("order", "both", rf"(?i)(?:订单号码?|订单编号|订单|訂單號碼?|訂單編號|訂單|单号|單號|注文番号|주문 ?번호|purchase order|\border\b(?: ?(?:no\.?|number|id|num|#))?|\bpo\b(?: ?(?:no\.?|number|#))?|bestell-?(?:nummer|nr\.?)|bestellung|commande|pedido|ordine|bestelling|bestelnummer|zamówieni[ea]|objednávk[ay]|заказ|замовлення|sipariş|đơn hàng){_SEP}{_CODE}"),
    ("serial", "both", rf"(?i)(?:\bs/?n\b|序列号|序號|機身號碼|设备编号|シリアル番号|シリアルナンバー|일련 ?번호|serial (?:no\.?|number|#)|seriennummer|numéro de série|número de serie|número de série|серийный номер){_SEP}([A-Za-z0-9](?:[A-Za-z0-9]|[-/][A-Za-z0-9]){{3,39}})"),
    ("product", "both", r"(?i)(?:产品型号|设备型号|型号|產品型號|型號|品番|型番|모델명|모델|model (?:no\.?|number|name)|\bmodel|part (?:no\.?|number)|\bsku\b|modell|modèle|modelo|модель)\s?[:：#＃=是]\s?([A-Za-z0-9][A-Za-z0-9 ._/+-]{1,38}[A-Za-z0-9+])"),
    ("version", "both", r"(?i)(?:\b(?:version|release|firmware|build|ver\.?)|版本号?|固件版本|版本號|バージョン|버전|versión|versão|versione|версия)\s?[:：#=是为v]?\s?v?([0-9]{1,5}(?:\.[0-9]{1,6}){1,4}(?:[-_.][0-9A-Za-z]{1,16}){0,3})"),
    ("version", "both", r"\b[vV]([0-9]{1,4}(?:\.[0-9]{1,6}){1,4}(?:-[0-9A-Za-z.]{1,20})?)\b"),
    ("error", "both", r"(?i)(?:错误代?码|错误编号|报错代码|故障代码|錯誤代?碼|故障碼|エラーコード|에러 ?코드|오류 ?코드|error ?code|errno|fehlercode|code d['’]erreur|código de error|código de erro|codice errore|код ошибки|stop ?code)\s?[:：#=是为]?\s?([A-Za-z0-9][A-Za-z0-9_.-]{0,39})"),
    ("error", "both", r"\b(0x[0-9A-Fa-f]{4,16})\b"),
    ("error", "both", r"\b((?:ERR|NET|SEC|SSL|DNS)_[A-Z0-9_]{3,60}|E(?:CONN[A-Z]{4,10}|NOENT|ACCES|PERM|TIMEDOUT|HOSTUNREACH|ADDRINUSE|NOTFOUND|PIPE|NOSPC)|[A-Z]{2,10}-[0-9]{3,8})\b"),
    ("error", "both", r"(?i)(?:\b(?:http|smtp|status|error)|错误|报错)[ /:：]{1,3}([1-5][0-9]{2})\b"),
    ("phone", "text", r"(?i)(?:电话|手机号?码?|联系方式|座机|電話|手機|携帯|전화(?:번호)?|연락처|\b(?:phone|tel|telephone|mobile|cell|handy|telefon|téléphone|teléfono|telefone|telefono|телефон)\b)\.?\s?[:：]?\s?(\+?[0-9][0-9 ()./-]{5,22}[0-9])"),
    ("phone", "text", r"\b(1[3-9][0-9]{9})\b"),
    ("phone", "text", r"(?:^|[^0-9A-Za-z+-])(\+[1-9][0-9]{0,3}(?:[ .()/-]{0,2}[0-9]{1,5}){3,8})\b"),
    ("phone", "text", r"(?:^|[^0-9A-Za-z+-])(0[1-9][0-9]{1,2}-[0-9]{7,8})\b"),
    ("domain", "both", rf"(?i)(?:^|[^A-Za-z0-9@._-])((?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,5}}{_TLD})\b"),
)  # fmt: skip
